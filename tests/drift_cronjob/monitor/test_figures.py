"""The monitor's figures, computed from plain data without a source."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from drift_cronjob.monitor.figures import (
    COMPONENTS,
    DriftCheck,
    Hour,
    JobState,
    job_states,
    newest_by_release,
    recent,
    remember,
)
from drift_cronjob.monitor.reports import page_uri

NOW = datetime(2026, 5, 4, 12, 34, tzinfo=UTC)
REPORT = "drift-20260504T120000123Z-0a1b2c3d"


def job(component: str, ended: str | None = None, at: datetime = NOW, active: int = 0) -> dict[str, object]:
    """A Job as the Kubernetes API returns it."""
    conditions = [{"type": ended, "status": "True", "lastTransitionTime": at.isoformat()}] if ended else None
    labels = {"app.kubernetes.io/component": component}
    return {"metadata": {"name": "x", "labels": labels}, "status": {"active": active, "conditions": conditions}}


def state(jobs: list[dict[str, object]], component: str) -> JobState:
    return next(one for one in job_states(jobs) if one.component == component)


def test_a_component_without_jobs_has_an_empty_state() -> None:
    assert job_states([{"metadata": {"name": "someone's"}}]) == [JobState(component=name) for name in COMPONENTS]


def test_the_last_finished_job_decides() -> None:
    hour = timedelta(hours=1)
    failed, well = job("drift", "Failed", NOW - hour), job("drift", "Complete", NOW)
    for jobs in ([failed, well], [well, failed]):
        found = state(jobs, "drift")
        assert (found.failed, found.last_success) == (False, NOW.timestamp())
        assert found.last_failure == (NOW - hour).timestamp()
    assert state([well, job("drift", "Failed", NOW + hour)], "drift").failed
    assert state([job("drift", active=1), job("drift", active=1), failed], "drift").active == 2


ends = st.none() | st.floats(1, 1e9)


@given(ends, ends, ends, ends)
def test_ends_of_deleted_jobs_are_remembered(
    a: float | None, b: float | None, c: float | None, d: float | None
) -> None:
    (kept,) = remember(
        [JobState(component="drift", last_success=a, last_failure=b)],
        [JobState(component="drift", last_success=c, last_failure=d, active=1)],
    )
    assert (kept.last_success or 0, kept.last_failure or 0) == (max(a or 0, c or 0), max(b or 0, d or 0))
    assert kept.failed == ((kept.last_failure or 0) > (kept.last_success or 0))
    assert kept.active == 1


def test_recent_counts_hours_and_not_entries() -> None:
    hours = [
        Hour(hour=NOW.replace(minute=0) - timedelta(hours=n), predictions=1, average_confidence=1) for n in (0, 1, 30)
    ]
    assert len(recent(hours, NOW, 24)) == 2
    assert [one.hour for one in recent(hours, NOW, 31)] == sorted(one.hour for one in hours)
    assert len(recent(hours, NOW, 1)) == 1


def check(number: int, release: str) -> DriftCheck:
    return DriftCheck(
        id=number, created=NOW, window_start=NOW, window_end=NOW, release_id=release, verdict="stable", reason="",
        rows=1, statistics=[], report_uri=None,
    )  # fmt: skip


def test_the_newest_check_of_each_release() -> None:
    found = newest_by_release([check(3, "a"), check(2, "b"), check(1, "a")])
    assert {(one.release_id, one.id) for one in found} == {("a", 3), ("b", 2)}


def test_only_pages_of_reports_have_an_address() -> None:
    uri = f"s3://bucket/reports/{REPORT}.html"
    assert page_uri(uri, "report") == uri
    assert page_uri(uri, f"{REPORT}-evidently.html") == f"s3://bucket/reports/{REPORT}-evidently.html"
    for page in ("../report", "other.html", f"{REPORT}-evidently.html/..", ""):
        assert page_uri(uri, page) is None
    for foreign in ("/etc/passwd", "file:///etc/passwd", "http://elsewhere/drift.html", f"s3://b/{REPORT}.html.exe"):
        assert page_uri(foreign, "report") is None
