"""The health snapshot: figures of a running server and its log, and the graded lines made from them.

Collecting and grading are separate: `grade` is pure.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sentiment_cli.health import grading
from sentiment_cli.health.grading import Grade, Line
from sentiment_cli.health.metrics import ServerMetrics, read_metrics
from sentiment_cli.settings import absent_sqlite
from sentiment_common.errors import first_line

SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class ServerView:
    """The state that the server reports.

    Attributes:
        problem: why the server could not be queried; the other fields are empty then.
        phase: `loading`, `ready`, `draining`, ...
        log: the log writer's figures (`written`, `lost`, `journal_rows`, `database_up`, `last_error`, ...).
    """

    url: str
    problem: str | None = None
    phase: str = ""
    release_id: str | None = None
    log: Mapping[str, Any] = field(default_factory=dict)
    metrics: ServerMetrics | None = None

    @property
    def ready(self) -> bool:
        return self.phase == "ready"


@dataclass(frozen=True, slots=True)
class LogView:
    """The window's figures from the prediction log; `problem` is why the log could not be read."""

    problem: str | None = None
    predictions: int = 0
    by_label: Mapping[str, int] | None = None
    mean_confidence: float | None = None
    p95_ms: float | None = None
    verdict: str | None = None
    verdict_reason: str = ""
    verdict_at: datetime | None = None


def view_server(url: str) -> ServerView:
    """Query a running server; a server that is down or answers strangely is a `problem`, not an exception."""
    import httpx

    url = url.rstrip("/")
    try:
        with httpx.Client(base_url=url, timeout=SECONDS, trust_env=False) as http:
            health = http.get("/health").json()
            view = ServerView(url, None, health["status"], health["release_id"], health["log"])
            return replace(view, metrics=read_metrics(http.get("/metrics").text))
    except httpx.ConnectError:
        return ServerView(url, problem=f"no server answers at {url}")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return ServerView(url, problem=f"no server answers at {url} ({first_line(error)})")
    except (ValueError, KeyError, TypeError):
        return ServerView(url, problem=f"what answers at {url} is not this server")


def own_releases(releases_uri: str, model_name: str) -> frozenset[str] | None:
    """Return the ids of the model's releases, which select its rows in a log that several models share.

    None selects all rows: the store has no releases or cannot be read.
    """
    from model_release import ReleaseError, ReleaseStore

    try:
        return ReleaseStore(releases_uri).release_ids(model_name) or None
    except ReleaseError:
        return None


def view_log(database_url: str, hours: float, releases: Collection[str] | None = None) -> LogView:
    """Read the last hours of the log and the newest drift verdict; an unreachable database is a `problem`."""
    from prediction_log import LogError, WindowReader, latest_reports

    absent = absent_sqlite(database_url)
    if absent:
        return LogView(problem=f"{absent} does not exist yet")
    now = datetime.now(UTC)
    try:
        found = WindowReader(database_url).summary(now - timedelta(hours=hours), now + timedelta(seconds=1), releases)
        reports = latest_reports(database_url, 1, releases=releases)
    except LogError as error:
        return LogView(problem=first_line(error))
    report = reports[0] if reports else None
    return LogView(
        predictions=found.predictions,
        by_label=dict(found.by_label),
        mean_confidence=found.mean_confidence if found.predictions else None,
        p95_ms=found.p95_ms if found.predictions else None,
        verdict=report.verdict if report else None,
        verdict_reason=report.reason if report else "",
        verdict_at=report.created if report else None,
    )


def grade(server: ServerView, log: LogView, hours: float) -> list[Line]:
    """Build the snapshot's lines, each with its grade and, where it is not green, its remedy."""
    return [
        _model(server),
        *_predictions(server, log, hours),
        _errors(server),
        _writer(server, log),
        _drift(log),
    ]


def _model(server: ServerView) -> Line:
    if server.problem:
        return Line("model", f"not reachable: {server.problem}", Grade.RED, "start it: sentiment serve")
    if not server.ready:
        return Line("model", f"not ready: {server.phase}", Grade.RED, "wait a moment, or see the server's log")
    return Line("model", f"loaded, release {server.release_id}", Grade.GREEN)


def _predictions(server: ServerView, log: LogView, hours: float) -> list[Line]:
    """Take the window's figures from the log, or the server's since its start where the log cannot be read."""
    metrics = server.metrics
    if log.problem is None:
        source, count, mix = f"in {hours:g} h", log.predictions, log.by_label or {}
        confidence, p95 = log.mean_confidence, log.p95_ms
    elif metrics is not None:
        source, count, mix = "since the server started", metrics.predictions, metrics.by_label
        confidence, p95 = metrics.mean_confidence, metrics.p95_ms
    else:
        unknown = "neither the log nor the server can be read"
        return [
            Line(name, unknown, Grade.UNKNOWN)
            for name in ("predictions", "label mix", "average confidence", "p95 latency")
        ]
    seen = Grade.GREEN if count else Grade.UNKNOWN
    return [
        Line("predictions", f"{count:,} {source}", seen),
        Line("label mix", grading.label_mix(mix), seen),
        Line(
            "average confidence",
            "none yet" if confidence is None else f"{confidence:.1%}",
            grading.grade_confidence(confidence),
            "the model is unsure of this traffic: sentiment drift check",
        ),
        Line(
            "p95 latency",
            "none yet" if p95 is None else f"{p95:.0f} ms",
            grading.grade_p95(p95),
            "long texts or too little processor: lower the load, or add a replica",
        ),
    ]


def _errors(server: ServerView) -> Line:
    metrics = server.metrics
    if metrics is None or metrics.requests <= 0:
        return Line("error rate", "no requests yet" if metrics else "not reported by the server", Grade.UNKNOWN)
    share = metrics.errors / metrics.requests
    words = f"{share:.2%} ({metrics.errors:,.0f} of {metrics.requests:,.0f} requests since the server started)"
    return Line("error rate", words, grading.grade_errors(metrics.errors, metrics.requests), "see the server's log")


def _writer(server: ServerView, log: LogView) -> Line:
    if log.problem is not None:
        remedy = "check DATABASE_URL and that the database runs; the server keeps rows in its journal meanwhile"
        return Line("prediction log", f"cannot be read: {log.problem}", Grade.RED, remedy)
    stats = server.log
    if not stats:
        return Line("prediction log", "can be read; no server reports on its writes", Grade.UNKNOWN)
    lost, journal, up = int(stats["lost"]), int(stats["journal_rows"]), bool(stats["database_up"])
    words = f"{int(stats['written']):,} rows written, {journal:,} in the journal, {lost:,} lost"
    words += "" if up else f"; the server cannot reach its database ({stats['last_error'] or 'unknown reason'})"
    remedy = "rows were lost: see the server's log" if lost else "rows are replayed when the database is back"
    return Line("prediction log", words, grading.grade_log(lost=lost, journal_rows=journal, database_up=up), remedy)


def _drift(log: LogView) -> Line:
    if log.verdict is None:
        remedy = "sentiment drift check --hours 24"
        return Line("drift", "never checked" if log.problem is None else "unknown", Grade.UNKNOWN, remedy)
    at = f" at {log.verdict_at:%Y-%m-%d %H:%M} UTC" if log.verdict_at else ""
    first_sentence = log.verdict_reason.split(". ")[0].rstrip(".")
    its_grade = grading.grade_verdict(log.verdict)
    return Line("drift", f"{log.verdict}{at}: {first_sentence}", its_grade, "read the report of that check")
