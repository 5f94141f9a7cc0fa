"""What the monitor shows, as plain data; made by `sources`, turned into metrics and JSON elsewhere."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel


class Interval(BaseModel):
    """A measured figure with the ends of its 95 % interval."""

    value: float
    low: float
    high: float


class Release(BaseModel):
    """A release of the store. `created` is ISO 8601 in UTC, `train_seconds` those of the optimiser."""

    id: str
    created: datetime
    accuracy: Interval | None
    train_seconds: float | None
    champion: bool


class Promotion(BaseModel):
    """An entry of the audit trail."""

    id: str
    previous: str | None
    who: str
    when: str
    action: str


class DriftCheck(BaseModel):
    """A row of `drift_reports`; each statistic holds its name, value, effect, effect_floor, p_value and threshold."""

    id: int
    created: datetime
    window_start: datetime
    window_end: datetime
    release_id: str
    verdict: str
    reason: str
    rows: int
    statistics: list[dict[str, Any]]
    report_uri: str | None


class Hour(BaseModel):
    """Predictions of one hour (its start, UTC) and their average confidence."""

    hour: datetime
    predictions: int
    average_confidence: float


class FeedbackAccuracy(BaseModel):
    """The share of right answers among the last day's predictions with a true label."""

    release_id: str
    rows: int
    accuracy: Interval


class JobState(BaseModel):
    """A component's Jobs: Unix seconds of the newest end of each kind, how many run, whether the newest ended one
    failed."""

    component: str
    last_success: float | None = None
    last_failure: float | None = None
    active: int = 0
    failed: bool = False


class Database(BaseModel):
    """The log's size in bytes and the rows of its tables (estimates on Postgres)."""

    bytes: int
    rows: dict[str, int]


COMPONENTS = ("training", "drift", "migrations", "log-maintenance", "promotion")


def job_states(jobs: Iterable[dict[str, Any]]) -> list[JobState]:
    """The state of each component, from Jobs as the API gives them; a component without Jobs has an empty state."""
    states = {name: JobState(component=name) for name in COMPONENTS}
    for job in jobs:
        state = states.get(job["metadata"].get("labels", {}).get("app.kubernetes.io/component", ""))
        if state is None:
            continue
        status = job.get("status", {})
        state.active += int(status.get("active") or 0)
        for condition in status.get("conditions") or ():
            if condition["status"] != "True":
                continue
            ended = datetime.fromisoformat(condition["lastTransitionTime"]).timestamp()
            if condition["type"] == "Complete":
                state.last_success = max(ended, state.last_success or 0)
            elif condition["type"] == "Failed":
                state.last_failure = max(ended, state.last_failure or 0)
    for state in states.values():
        state.failed = state.last_failure is not None and state.last_failure > (state.last_success or 0)
    return list(states.values())


def newest_by_release(checks: Sequence[DriftCheck]) -> list[DriftCheck]:
    """The newest check of each release."""
    newest: dict[str, DriftCheck] = {}
    for check in sorted(checks, key=lambda check: check.id):
        newest[check.release_id] = check
    return list(newest.values())
