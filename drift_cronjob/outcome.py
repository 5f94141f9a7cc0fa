"""Outcome of a check, and what its report is drawn from."""

from dataclasses import dataclass
from datetime import datetime

from drift_cronjob.detectors.battery import Battery
from drift_cronjob.statistics.statistic import Statistic
from drift_cronjob.statistics.verdict import Decision, Verdict
from drift_cronjob.window.sample import Sample
from drift_cronjob.window.sources import Traffic
from model_release import Manifest

INCOMPLETE = 3  # exit code: the verdict is stable, and a step that was asked for failed


@dataclass(frozen=True, slots=True)
class DriftOutcome:
    """The verdict and all that led to it.

    Attributes:
        rows: the release's logged rows in the window.
        texts: the different texts that were compared.
        report_path: the report's address; None without a report.
        row_id: the verdict's row in `drift_reports`; None if it could not be written.
        actions: sentences on what was done after the verdict.
        problems: sentences on what failed after the verdict.
        incomplete: whether a problem is more than decoration: the row, a training or the export of feedback.
    """

    verdict: Verdict
    reason: str
    statistics: list[Statistic]
    notes: list[str]
    release_id: str
    window_start: datetime
    window_end: datetime
    rows: int
    texts: int
    report_path: str | None
    row_id: int | None
    actions: list[str]
    problems: list[str]
    incomplete: bool

    @property
    def exit_code(self) -> int:
        """The command's exit code: the verdict's, or 3 for a stable verdict after which a step failed."""
        return self.verdict.exit_code or (INCOMPLETE if self.incomplete else 0)


@dataclass(frozen=True, slots=True)
class Findings:
    """Input of the report: the two samples, their traffic, and the decision about them."""

    manifest: Manifest
    reference: Sample
    traffic: Traffic
    battery: Battery
    decision: Decision
    notes: list[str]
    alpha: float
