"""Prometheus metrics, built for each scrape from the last figures."""

from collections.abc import Callable, Iterator, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from drift_cronjob.monitor.figures import DriftCheck, newest_by_release
from drift_cronjob.monitor.watch import Figures
from drift_cronjob.statistics.verdict import Verdict
from sentiment_common.intervals import Interval


def _gauge(name: str, text: str, labels: tuple[str, ...], samples: Sequence[tuple[tuple[str, ...], float]]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family


def _interval(name: str, text: str, found: list[tuple[str, Interval]]) -> Iterator[Metric]:
    for end, part in (("", "value"), ("_low", "low"), ("_high", "high")):
        samples = [((release,), float(getattr(interval, part))) for release, interval in found]
        yield _gauge(f"{name}{end}", f"{text}{', end of its 95 % interval' if end else ''}", ("release",), samples)


def _drift(checks: list[DriftCheck]) -> Iterator[Metric]:
    verdicts = [((one.release_id, verdict), float(one.verdict == verdict)) for one in checks for verdict in Verdict]
    yield _gauge("ml_drift_verdict", "1 for the last check's verdict", ("release", "verdict"), verdicts)
    last = [((one.release_id,), one.created.timestamp()) for one in checks]
    yield _gauge("ml_drift_last_check_timestamp_seconds", "Time of the last check", ("release",), last)
    rows = [((one.release_id,), float(one.rows)) for one in checks]
    yield _gauge("ml_drift_window_rows", "Rows in the last check's window", ("release",), rows)
    fields = {
        "ml_drift_statistic": ("effect", "Size of the difference: the test's effect, 0 for no difference"),
        "ml_drift_threshold": ("effect_floor", "Smallest effect that matters"),
        "ml_drift_p_value": ("p_value", "Probability of a difference this large by chance"),
    }
    for name, (part, text) in fields.items():
        found = [
            ((one.release_id, statistic.name), float(getattr(statistic, part)))
            for one in checks
            for statistic in one.statistics
            if getattr(statistic, part) is not None
        ]
        yield _gauge(name, text, ("release", "test"), found)
    estimated = [
        ((one.release_id,), statistic.value)
        for one in checks
        for statistic in one.statistics
        if statistic.name == "estimated_accuracy" and statistic.value is not None
    ]
    yield _gauge("ml_estimated_accuracy", "Accuracy estimated without labels", ("release",), estimated)


def _releases(figures: Figures) -> Iterator[Metric]:
    releases = figures.releases
    champion = [((one.id,), 1.0) for one in releases if one.champion]
    yield _gauge("ml_champion_info", "1 for the promoted release", ("release",), champion)
    measured = [(one.id, one.accuracy) for one in releases if one.accuracy]
    yield from _interval("ml_release_accuracy", "Accuracy on the release's test rows", measured)
    created = [((one.id,), one.created.timestamp()) for one in releases]
    yield _gauge("ml_release_created_timestamp_seconds", "Time when the release was created", ("release",), created)
    seconds = [((one.id,), one.train_seconds) for one in releases if one.train_seconds is not None]
    yield _gauge("ml_release_train_seconds", "Seconds of training, without evaluation", ("release",), seconds)
    feedback = figures.feedback
    yield from _interval(
        "ml_feedback_accuracy",
        "Accuracy by the last day's feedback",
        [(feedback.release_id, feedback.accuracy)] if feedback else [],
    )
    rows = [((feedback.release_id,), float(feedback.rows))] if feedback else []
    yield _gauge("ml_feedback_rows", "Predictions of the last day that have feedback", ("release",), rows)


def _jobs(figures: Figures) -> Iterator[Metric]:
    ends = {
        "ml_job_last_success_timestamp_seconds": ("last_success", "Time of the component's last successful Job"),
        "ml_job_last_failure_timestamp_seconds": ("last_failure", "Time of the component's last failed Job"),
        "ml_job_active": ("active", "Running pods of the component's Jobs"),
        "ml_job_failed": ("failed", "1 while the last finished Job failed"),
    }
    for name, (part, text) in ends.items():
        states = [(one.component, getattr(one, part)) for one in figures.jobs]
        yield _gauge(
            name, text, ("component",), [((name,), float(value)) for name, value in states if value is not None]
        )


class FiguresCollector(Collector):
    """Every metric of the monitor."""

    def __init__(self, figures: Callable[[], Figures]) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        figures = self._figures()
        yield from _drift(newest_by_release(figures.checks))
        yield from _releases(figures)
        yield from _jobs(figures)
        if figures.database is not None:
            yield _gauge("ml_database_bytes", "Size of the log's database", (), [((), float(figures.database.bytes))])
            rows = [((table,), float(count)) for table, count in figures.database.rows.items()]
            yield _gauge("ml_database_rows", "Rows of the log's tables", ("table",), rows)
        up = [((source,), float(state)) for source, state in figures.up.items()]
        yield _gauge("ml_monitor_up", "1 if the last read of the source succeeded", ("source",), up)
        read = [((source,), when) for source, when in figures.read_at.items()]
        yield _gauge(
            "ml_monitor_read_timestamp_seconds", "Time of the last successful read of the source", ("source",), read
        )


def registry(figures: Callable[[], Figures]) -> CollectorRegistry:
    """Build the monitor's registry."""
    made = CollectorRegistry()
    made.register(FiguresCollector(figures))
    return made
