"""The server's metrics, read from the text of `GET /metrics`. Pure."""

import math
from dataclasses import dataclass, field

DURATION = "ml_prediction_duration_seconds"


@dataclass(frozen=True, slots=True)
class ServerMetrics:
    """Counts since the server started.

    Attributes:
        by_label: predictions.
        mean_confidence: 0 to 1; None before the first prediction.
        buckets: cumulative counts of the latency histogram by upper bound in seconds.
    """

    by_label: dict[str, int] = field(default_factory=dict)
    mean_confidence: float | None = None
    requests: float = 0.0
    errors: float = 0.0
    buckets: tuple[tuple[float, float], ...] = ()

    @property
    def predictions(self) -> int:
        return sum(self.by_label.values())

    @property
    def p95_ms(self) -> float | None:
        """The 95th percentile of latency in milliseconds; None before the first prediction."""
        value = histogram_quantile(0.95, self.buckets)
        return None if value is None else value * 1000


def histogram_quantile(share: float, buckets: tuple[tuple[float, float], ...]) -> float | None:
    """Compute Prometheus's `histogram_quantile`: linear inside a bucket, the last finite bound above it.

    Args:
        buckets: (upper bound, cumulative count), ascending, the last bound infinite.
    """
    if not buckets or buckets[-1][1] <= 0:
        return None
    rank, low, below = share * buckets[-1][1], 0.0, 0.0
    for high, count in buckets:
        if count >= rank:
            if math.isinf(high):
                return low
            return low + (high - low) * (rank - below) / (count - below) if count > below else high
        low, below = high, count
    return low


def read_metrics(text: str) -> ServerMetrics:
    """Parse the exposition text; other families are ignored.

    Raises:
        ValueError: the text is not in Prometheus's format.
    """
    from prometheus_client.parser import text_string_to_metric_families

    by_label: dict[str, int] = {}
    counters = {"ml_requests_total": 0.0, "ml_errors_total": 0.0}
    buckets: dict[float, float] = {}
    confidences: list[float] = []
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "ml_predictions_total":
                label = sample.labels.get("sentiment", "")
                by_label[label] = by_label.get(label, 0) + int(sample.value)
            elif sample.name in counters:
                counters[sample.name] += sample.value
            elif sample.name == f"{DURATION}_bucket":
                bound = float(sample.labels["le"])
                buckets[bound] = buckets.get(bound, 0.0) + sample.value
            elif sample.name == "ml_confidence_score" and not math.isnan(sample.value):
                confidences.append(sample.value)
    predicted = sum(by_label.values()) > 0
    mean = sum(confidences) / len(confidences) if confidences and predicted else None
    return ServerMetrics(
        by_label=by_label,
        mean_confidence=mean,
        requests=counters["ml_requests_total"],
        errors=counters["ml_errors_total"],
        buckets=tuple(sorted(buckets.items())),
    )
