"""The outcome of a check, and the findings that its report shows."""

from dataclasses import dataclass
from datetime import datetime

from drift_cronjob.detectors.battery import Battery
from drift_cronjob.statistics.statistic import Statistic
from drift_cronjob.statistics.verdict import Decision, Verdict
from drift_cronjob.window.sample import Sample
from drift_cronjob.window.sources import Traffic
from model_release import Manifest

INCOMPLETE = 3  # exit code: the verdict is stable, and a requested step failed


@dataclass(frozen=True, slots=True)
class DriftOutcome:
    """The verdict, its evidence, and the steps that followed.

    Attributes:
        rows: number of the release's logged rows in the window.
        texts: number of different texts that were compared.
        report_path: the report's address; None without a report.
        row_id: id of the verdict's row in `drift_reports`; None if the row could not be written.
        actions: sentences about steps that were done after the verdict.
        problems: sentences about steps that failed after the verdict.
        incomplete: whether the row, a training or the export of feedback failed. A failed report leaves this False.
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
    """The compared samples, the results of the tests, and the decision; input of the steps after the verdict."""

    manifest: Manifest
    reference: Sample
    traffic: Traffic
    battery: Battery
    decision: Decision
    notes: list[str]
    alpha: float
