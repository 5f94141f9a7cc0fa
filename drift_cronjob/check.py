"""One drift check: from the prediction log and a release to a verdict, then the steps that follow from it."""

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import asdict, fields
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar

import numpy as np

from drift_cronjob.actions.feedback_export import export
from drift_cronjob.actions.retention import remove_old
from drift_cronjob.actions.retrain import retrain
from drift_cronjob.detectors.battery import Battery, BatteryLimits, run_battery
from drift_cronjob.errors import DriftError
from drift_cronjob.outcome import DriftOutcome, Findings
from drift_cronjob.settings import DriftSettings
from drift_cronjob.statistics.thresholds import judge
from drift_cronjob.statistics.verdict import Decision, Verdict, decide, not_enough
from drift_cronjob.window.sample import Sample
from drift_cronjob.window.sources import Traffic, choose_release, fetch_reference, read_traffic, reference_sample
from model_release import ReleaseError, ReleaseStore
from model_release.scoring.features import DESCRIPTORS
from prediction_log import DriftReportRow, LogError, WindowReader, save_report, set_report_address

T = TypeVar("T")


def remarks(traffic: Traffic, battery: Battery) -> list[str]:
    """Sentences about rows that were not compared and tests that could not run."""
    notes = []
    if traffic.other_releases:
        listed = ", ".join(f"{count:,} by {name}" for name, count in sorted(traffic.other_releases.items()))
        notes.append(f"In this window other releases also answered; their rows are left out of this check: {listed}.")
    if traffic.foreign_rows:
        notes.append(
            f"{traffic.foreign_rows:,} rows of this window belong to releases that the store does not have for this "
            "model; they are left out of this check."
        )
    if traffic.rows > traffic.read:
        notes.append(f"Of {traffic.rows:,} rows a random sample of {traffic.read:,} was read.")
    repeats = traffic.read - len(traffic.sample)
    if repeats:
        notes.append(f"{repeats:,} rows repeat a text of the window; each text counts once.")
    notes += [f"Not tested: {reason}." for reason in battery.skipped]
    return notes


def compare_samples(reference: Sample, traffic: Traffic, settings: DriftSettings) -> tuple[Battery, Decision]:
    """Run and judge every test, and decide; no test runs when either side has too few rows."""
    if len(traffic.sample) < settings.min_rows:
        counted = "different texts" if traffic.read > len(traffic.sample) else "rows"
        remedy = "Take a longer window (--hours) or wait for more traffic."
        return Battery([]), not_enough(len(traffic.sample), settings.min_rows, f"{counted} in the window", remedy)
    if len(reference) < settings.min_rows:
        remedy = "Train with more held-out rows, or lower --min-rows."
        return Battery([]), not_enough(len(reference), settings.min_rows, "texts in the release's reference", remedy)
    limits = BatteryLimits(**{field.name: getattr(settings, field.name) for field in fields(BatteryLimits)})
    rng = np.random.default_rng(settings.seed)
    battery = run_battery(DESCRIPTORS, reference, traffic.sample, traffic.feedback_correct, limits, rng)
    judged = judge(battery.statistics, settings.alpha)
    return Battery(judged, battery.skipped, battery.permutations), decide(judged)


class Steps:
    """Runs the steps of a check and collects their messages; a failed step does not stop the steps after it."""

    def __init__(self, on_step: Callable[[str], None]) -> None:
        self._on_step = on_step
        self.actions: list[str] = []
        self.problems: list[str] = []
        self.incomplete = False

    def announce(self, name: str) -> None:
        """Report that a step begins."""
        with suppress(Exception):  # a terminal that has been closed must not cost the verdict
            self._on_step(name)

    def run(self, name: str, step: Callable[[], T], *, optional: bool = False) -> T | None:
        """Run a step; return None when it failed. A failed optional step leaves the check complete."""
        self.announce(name)
        try:
            return step()
        except (DriftError, ReleaseError, LogError) as error:
            problem = str(error)
        except Exception as error:  # a library's error must not cost the verdict
            problem = f"{name} failed ({' '.join(f'{type(error).__name__}: {error}'.split())[:200]})"
        self.problems.append(problem)
        self.incomplete = self.incomplete or not optional
        return None

    def act(self, name: str, step: Callable[[], str | None], *, optional: bool = False) -> None:
        """`run` a step that returns a sentence on its action, and keep the sentence."""
        done = self.run(name, step, optional=optional)
        if done:
            self.actions.append(done)


def find(settings: DriftSettings, store: ReleaseStore, releases: Collection[str], steps: Steps) -> Findings:
    """Compare the window's traffic with the release's reference."""
    end = settings.end or datetime.now(UTC)
    start = end - timedelta(hours=settings.hours)
    log = WindowReader(settings.read_url)
    release_id = choose_release(
        store, settings.model_name, settings.release, releases, lambda: dict(log.summary(start, end).by_release)
    )
    manifest = store.manifest(settings.model_name, release_id)
    reference = reference_sample(fetch_reference(store, manifest, settings.cache_dir), manifest.decision_threshold)
    steps.announce("reading the prediction log")
    traffic = read_traffic(settings, log, start, end, release_id, releases)
    steps.announce("comparing")
    battery, decision = compare_samples(reference, traffic, settings)
    return Findings(manifest, reference, traffic, battery, decision, remarks(traffic, battery), settings.alpha)


def save(settings: DriftSettings, findings: Findings) -> int:
    """Add the verdict to `drift_reports`, without a report yet; return the row's id."""
    row = DriftReportRow(
        created=datetime.now(UTC),
        window_start=findings.traffic.start,
        window_end=findings.traffic.end,
        release_id=findings.manifest.release_id,
        verdict=findings.decision.verdict.value,
        reason=findings.decision.reason,
        rows=findings.traffic.rows,
        statistics=[asdict(statistic) for statistic in findings.battery.statistics],
        report_uri=None,
    )
    return save_report(settings.database_url, row)


def act(settings: DriftSettings, findings: Findings, releases: Collection[str], steps: Steps) -> None:
    """Start a training, export feedback and remove old files, as the settings say."""
    cron_job = settings.retrain_cronjob
    if cron_job and findings.decision.verdict is Verdict.DRIFT:
        steps.act(
            "starting a training",
            lambda: retrain(cron_job, settings.kube_namespace, settings.retrain_cooldown_hours),
        )
    if settings.feedback_export:
        steps.act("exporting feedback", lambda: export(settings, findings.traffic.end, releases))
    steps.act("removing old files", lambda: remove_old(settings), optional=True)


def report(settings: DriftSettings, findings: Findings, row_id: int | None, steps: Steps) -> str | None:
    """Draw the report and add its address to the verdict's row; return the address, or None without a report."""
    if settings.report_dir == "none":
        return None

    def draw() -> str:
        from drift_cronjob.report.write import write_report  # matplotlib: slow to load, and may be broken

        evidently, problems = settings.evidently, steps.problems
        return write_report(
            findings, settings.report_dir, settings.seed, evidently=evidently, on_problem=problems.append
        )

    address = steps.run("drawing the report", draw, optional=True)
    if address is not None and row_id is not None:
        save_address = partial(set_report_address, settings.database_url, row_id, address)
        steps.run("recording the report", save_address, optional=True)
    return address


def check(
    settings: DriftSettings,
    on_step: Callable[[str], None] = lambda _: None,
    on_decision: Callable[[Decision], None] = lambda _: None,
) -> DriftOutcome:
    """Compare a window of traffic with the release's reference, record the verdict, act on it, and draw the report.

    The same window, release and seed give the same verdict. A failure after the verdict does not lose it: each of the
    following steps is tried, and a failed step is a line in the outcome's `problems`. A training starts even if the
    row or the report could not be written.

    Args:
        on_step: called with the name of each step. Its errors are ignored, as are those of `on_decision`.
        on_decision: called with the verdict before any step that follows from it.

    Raises:
        DriftError, ReleaseError, LogError: no verdict was reached, because the release or its reference is missing, or
            the log or the store cannot be read. Each carries `exit_code` 2 and a remedy.
    """
    steps = Steps(on_step)
    steps.announce("reading the release")
    store = ReleaseStore(settings.releases_uri)
    releases = store.release_ids(settings.model_name)
    findings = find(settings, store, releases, steps)
    with suppress(Exception):  # as in `announce`
        on_decision(findings.decision)
    row_id = steps.run("recording the verdict", partial(save, settings, findings))
    act(settings, findings, releases, steps)
    address = report(settings, findings, row_id, steps)
    return DriftOutcome(
        verdict=findings.decision.verdict,
        reason=findings.decision.reason,
        statistics=findings.battery.statistics,
        notes=findings.notes,
        release_id=findings.manifest.release_id,
        window_start=findings.traffic.start,
        window_end=findings.traffic.end,
        rows=findings.traffic.rows,
        texts=len(findings.traffic.sample),
        report_path=address,
        row_id=row_id,
        actions=steps.actions,
        problems=steps.problems,
        incomplete=steps.incomplete,
    )
