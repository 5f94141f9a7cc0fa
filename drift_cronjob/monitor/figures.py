"""The monitor's figures as plain data: `sources` makes them, `exposition` and `app` publish them."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, computed_field

from drift_cronjob.statistics.statistic import Outcome, outcome_of, relative_size
from drift_cronjob.statistics.wording import title
from sentiment_common.intervals import Interval


class Release(BaseModel):
    """A release in the store. `created` is ISO 8601 in UTC; `train_seconds` counts the optimiser's time."""

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


class DriftStatistic(BaseModel):
    """One test of a check. The difference matters from `effect_floor`, and is significant when `p_value` is not above
    `threshold`. Values that were NaN or infinite are null."""

    model_config = ConfigDict(extra="ignore")

    name: str
    family: str | None = None
    value: float | None = None
    effect: float | None = None
    effect_floor: float | None = None
    p_value: float | None = None
    p_adjusted: float | None = None
    threshold: float | None = None
    primary: bool = False
    n_reference: int | None = None
    n_window: int | None = None
    note: str | None = None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def title(self) -> str:
        """Title of the test."""
        return title(self.name)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def size(self) -> float:
        """Effect in units of its floor; it matters from 1."""
        return relative_size(self.effect or 0.0, self.effect_floor or 0.0)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def outcome(self) -> Outcome:
        """Meaning of the result for the verdict."""
        significant = self.p_value is not None and self.threshold is not None and self.p_value <= self.threshold
        return outcome_of(self.size, significant=significant, primary=self.primary)


class DriftCheck(BaseModel):
    """A row of `drift_reports`; the report of a check with a `report_uri` is at /api/drift/ID/report."""

    id: int
    created: datetime
    window_start: datetime
    window_end: datetime
    release_id: str
    verdict: str
    reason: str
    rows: int
    statistics: list[DriftStatistic]
    report_uri: str | None


class Hour(BaseModel):
    """Number of predictions in the hour that starts at `hour` (UTC), and their average confidence."""

    hour: datetime
    predictions: int
    average_confidence: float


class FeedbackAccuracy(BaseModel):
    """Share of right answers among the last day's predictions with a true label."""

    release_id: str
    rows: int
    accuracy: Interval


class JobState(BaseModel):
    """State of a component's Jobs: Unix seconds of the last success and failure, the number of running pods, and
    whether the last finished Job failed."""

    component: str
    last_success: float | None = None
    last_failure: float | None = None
    active: int = 0
    failed: bool = False


class Database(BaseModel):
    """Size of the log in bytes, and the rows of its tables (estimates on Postgres)."""

    bytes: int
    rows: dict[str, int]


COMPONENTS = ("training", "drift", "migrations", "log-maintenance", "promotion")


def job_states(jobs: Iterable[dict[str, Any]]) -> list[JobState]:
    """Derive each component's state from its Jobs; a component without Jobs has an empty state."""
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
        state.failed = (state.last_failure or 0) > (state.last_success or 0)
    return list(states.values())


def remember(before: Sequence[JobState], now: Sequence[JobState]) -> list[JobState]:
    """Return the current states, with the ends of Jobs that have been deleted since."""
    known = {state.component: state for state in before}
    kept = []
    for state in now:
        old = known.get(state.component, state)
        success = _later(old.last_success, state.last_success)
        failure = _later(old.last_failure, state.last_failure)
        ends = {"last_success": success, "last_failure": failure, "failed": (failure or 0) > (success or 0)}
        kept.append(state.model_copy(update=ends))
    return kept


def _later(a: float | None, b: float | None) -> float | None:
    return max((when for when in (a, b) if when is not None), default=None)


def recent(hours: Iterable[Hour], now: datetime, count: int) -> list[Hour]:
    """Return the hours among the last `count`, including the current hour; oldest first."""
    first = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=count - 1)
    return sorted((hour for hour in hours if hour.hour >= first), key=lambda hour: hour.hour)


def newest_by_release(checks: Sequence[DriftCheck]) -> list[DriftCheck]:
    """Return the newest check of each release."""
    newest: dict[str, DriftCheck] = {}
    for check in sorted(checks, key=lambda check: check.id):
        newest[check.release_id] = check
    return list(newest.values())
