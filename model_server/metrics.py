"""The server's metrics in their own registry. Labels are route templates and codes, never a client's input."""

from collections import deque
from collections.abc import Callable
from typing import Any, Literal, get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from model_server.batching.admission import Reason
from model_server.batching.batcher import Batcher, BatchReport
from prediction_log import WriterStats

CacheOutcome = Literal["hit", "joined", "miss"]
ROUTES = ("v2-rest", "v2-grpc", "predict", "v1", "feedback")
_LATENCY = (0.002, 0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_RECENT = 1000
_LOG_FIGURES = (
    *("queued", "written", "spilled", "replayed", "lost", "journal_rows", "journal_bytes"),
    *("mirrored_rows", "mirrored_bytes", "mirror_failures", "adopted"),
)


class _LogCollector(Collector):
    """The writer's figures at the time of the scrape."""

    def __init__(self, stats: Callable[[], WriterStats]) -> None:
        self._stats = stats

    def collect(self) -> list[Metric]:
        stats = self._stats()
        families = []
        for name in _LOG_FIGURES:
            family = GaugeMetricFamily(f"ml_log_{name}", f"Prediction log: {name.replace('_', ' ')}")
            family.add_metric([], float(getattr(stats, name)))
            families.append(family)
        up = GaugeMetricFamily("ml_log_database_up", "Prediction log: 1 while the database takes rows")
        up.add_metric([], float(stats.database_up))
        return [*families, up]


class Metrics:
    """Counters and histograms of one server process."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)

        def counter(name: str, text: str, labels: tuple[str, ...] = ()) -> Counter:
            return Counter(name, text, labels, registry=self.registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
            return Histogram(name, text, buckets=buckets, registry=self.registry)

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(name, text, registry=self.registry)

        self.predictions = counter("ml_predictions_total", "Texts answered", ("sentiment",))
        self.requests = counter("ml_requests_total", "Requests", ("route",))
        self.errors = counter("ml_errors_total", "Requests that failed through the server's fault", ("route",))
        self.responses = counter("ml_responses_total", "Responses by HTTP status or gRPC code", ("route", "status"))
        self.duration = histogram("ml_prediction_duration_seconds", "Request to answer", _LATENCY)
        self.confidence = Gauge(
            "ml_confidence_score", f"Mean confidence of the last {_RECENT} predictions", registry=self.registry
        )
        self.confidences = histogram(
            "ml_confidence", "Confidence of predictions", (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
        )
        self.batch_rows = histogram("ml_batch_rows", "Texts in a batch", (1, 2, 4, 8, 16, 32, 64))
        self.batch_tokens = histogram(
            "ml_batch_tokens", "Tokens of a batch, padding counted", (16, 32, 64, 128, 256, 512, 1024, 2048)
        )
        self.batch_seconds = histogram("ml_batch_duration_seconds", "Engine time of a batch", _LATENCY)
        self.tokens = counter("ml_tokens_total", "Tokens run through the engine, without padding")
        self.padding = counter("ml_padding_tokens_total", "Padding tokens run through the engine")
        self.padding_share = Gauge("ml_padding_share", "Padding among all tokens run so far", registry=self.registry)
        self.release = Gauge(
            "ml_release_info", "1 for the loaded release", ("release", "variant"), registry=self.registry
        )
        self.loads = counter("ml_release_loads_total", "Loads and unloads while serving, by outcome", ("outcome",))
        self.ready = Gauge("ml_ready", "1 while the server is ready", registry=self.registry)
        self.queue_depth = gauge("ml_queue_depth", "Texts waiting for the engine")
        self.queue_age = gauge("ml_queue_age_seconds", "Age of the oldest waiting text")
        self.queue_wait = histogram("ml_queue_wait_seconds", "Queue wait of a text", _LATENCY)
        self.predicted_wait = gauge("ml_predicted_wait_seconds", "Predicted queue wait of a text submitted now")
        self.drain_rate = gauge("ml_drain_tokens_per_second", "Speed at which the queue drains, as measured")
        self.cache = counter("ml_cache_texts_total", "Texts looked up in the cache, by outcome", ("outcome",))
        self.http_refusals = counter(
            "ml_http_refusals_total", "Requests that the HTTP layer refused, by status", ("status",)
        )
        self.rejected = counter("ml_rejected_requests_total", "Requests that their API key refused", ("reason",))
        self.key_texts = counter("ml_key_texts_total", "Texts requested, by API key", ("key",))
        self.explanations = counter("ml_explanations_total", "Texts explained")
        self.explanation_passes = counter("ml_explanation_passes_total", "Engine passes of explanations")
        self.explanation_seconds = histogram("ml_explanation_duration_seconds", "Time to explain a text", _LATENCY)
        self.refusals = counter("ml_refused_texts_total", "Texts refused or dropped, by reason", ("reason",))
        self._recent: deque[float] = deque(maxlen=_RECENT)
        self._recent_sum = 0.0
        self._run_tokens = self._run_padded = 0
        for looked_up in get_args(CacheOutcome):
            self.cache.labels(looked_up)
        for outcome in ("loaded", "failed", "unloaded"):
            self.loads.labels(outcome)
        for status in ("400", "408", "413", "431", "503"):
            self.http_refusals.labels(status)
        for reason in ("unauthenticated", "forbidden", "rate_limit"):
            self.rejected.labels(reason)
        for reason in get_args(Reason):
            self.refusals.labels(reason)
        for sentiment in ("negative", "positive"):
            self.predictions.labels(sentiment)
        for route in ROUTES:  # so that a ratio of errors to requests is 0 rather than missing
            self.requests.labels(route)
            self.errors.labels(route)

    def watch_queue(self, batcher: Batcher[Any]) -> None:
        """Read the queue's gauges from this batcher."""
        self.queue_depth.set_function(lambda: batcher.waiting)
        self.queue_age.set_function(lambda: batcher.oldest_age)
        self.predicted_wait.set_function(lambda: batcher.predicted_wait)
        self.drain_rate.set_function(lambda: batcher.tokens_per_second)

    def totals(self) -> tuple[int, int]:
        """Return the requests since the start, and those of them that failed through the server's fault."""
        found = {"ml_requests": 0.0, "ml_errors": 0.0}
        for family in (*self.requests.collect(), *self.errors.collect()):
            found[family.name] += sum(sample.value for sample in family.samples if sample.name.endswith("_total"))
        return int(found["ml_requests"]), int(found["ml_errors"])

    def watch_log(self, stats: Callable[[], WriterStats]) -> None:
        self.registry.register(_LogCollector(stats))

    def batch(self, report: BatchReport) -> None:
        """Count a batch; called on the event loop."""
        self.batch_rows.observe(report.rows)
        self.batch_tokens.observe(report.padded_tokens)
        self.batch_seconds.observe(report.seconds)
        for seconds in report.waited:
            self.queue_wait.observe(seconds)
        self.tokens.inc(report.tokens)
        self.padding.inc(report.padded_tokens - report.tokens)
        self._run_tokens += report.tokens
        self._run_padded += report.padded_tokens
        self.padding_share.set(1 - self._run_tokens / self._run_padded)

    def http_refused(self, status: int) -> None:
        """Count a request that the HTTP layer refused before the application."""
        self.http_refusals.labels(str(status)).inc()

    def cached(self, outcome: CacheOutcome, texts: int) -> None:
        """Count texts that were looked up in the cache."""
        self.cache.labels(outcome).inc(texts)

    def explained(self, passes: int, seconds: float) -> None:
        """Count one explained text."""
        self.explanations.inc()
        self.explanation_passes.inc(passes)
        self.explanation_seconds.observe(seconds)

    def refused(self, reason: Reason, texts: int) -> None:
        """Count texts that were refused before they queued, or not answered by their request's deadline."""
        self.refusals.labels(reason).inc(texts)

    def predicted(self, label: str, confidence: float) -> None:
        """Count one answered text."""
        self.predictions.labels(label).inc()
        self.confidences.observe(confidence)
        if len(self._recent) == _RECENT:
            self._recent_sum -= self._recent[0]
        self._recent.append(confidence)
        self._recent_sum += confidence
        self.confidence.set(self._recent_sum / len(self._recent))

    def responded(self, route: str, status: str, *, failed: bool) -> None:
        """Count a finished request of one of `ROUTES`."""
        self.requests.labels(route).inc()
        self.responses.labels(route, status).inc()
        if failed:
            self.errors.labels(route).inc()
