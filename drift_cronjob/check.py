"""One drift check: from the prediction log and a release to a verdict, then what follows from it."""

from collections.abc import Callable, Collection
from dataclasses import asdict
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
    """Sentences on which rows were not compared, and which tests could not be run."""
    notes = []
    if traffic.other_releases:
        listed = ", ".join(f"{count:,} by {name}" for name, count in sorted(traffic.other_releases.items()))
        notes.append(f"In this window other releases answered too and are not part of this check: {listed}.")
    if traffic.foreign_rows:
        notes.append(
            f"{traffic.foreign_rows:,} rows of this window are not part of this check: they are of releases that the "
            "store does not have for this model."
        )
    if traffic.rows > traffic.read:
        notes.append(f"Of {traffic.rows:,} rows a random sample of {traffic.read:,} was read.")
    repeats = traffic.read - len(traffic.sample)
    if repeats:
        notes.append(f"{repeats:,} rows repeat a text of the window; each text counts once.")
    notes += [f"Not tested: {reason}." for reason in battery.skipped]
    return notes


def compare_samples(reference: Sample, traffic: Traffic, settings: DriftSettings) -> tuple[Battery, Decision]:
    """Every statistic, judged, and the decision; no statistics when either side has too few rows."""
    if len(traffic.sample) < settings.min_rows:
        copies = " different texts" if traffic.read > len(traffic.sample) else " rows"
        remedy = "Take a longer window (--hours) or wait for more traffic."
        return Battery([]), not_enough(
            len(traffic.sample), settings.min_rows, f"{copies.strip()} in the window", remedy
        )
    if len(reference) < settings.min_rows:
        remedy = "Train with more held-out rows, or lower --min-rows."
        return Battery([]), not_enough(len(reference), settings.min_rows, "texts in the release's reference", remedy)
    limits = BatteryLimits(
        alpha=settings.alpha,
        permutations=settings.permutations,
        max_rows=settings.max_rows,
        classifier_rows=settings.classifier_rows,
        kernel_rows=settings.kernel_rows,
        min_rows=settings.min_rows,
        min_feedback=settings.min_feedback,
    )
    rng = np.random.default_rng(settings.seed)
    battery = run_battery(DESCRIPTORS, reference, traffic.sample, traffic.feedback_correct, limits, rng)
    judged = judge(battery.statistics, settings.alpha)
    return Battery(judged, battery.skipped, battery.permutations), decide(judged)


class Steps:
    """Runs the steps after a verdict: each is tried, whether or not another failed, and leaves a sentence."""

    def __init__(self, on_step: Callable[[str], None]) -> None:
        self._on_step = on_step
        self.actions: list[str] = []
        self.problems: list[str] = []
        self.incomplete = False

    def run(self, name: str, step: Callable[[], T], *, decorates: bool = False) -> T | None:
        """Do a step; None when it failed. A step that decorates makes the check not incomplete when it fails."""
        self._on_step(name)
        try:
            return step()
        except (DriftError, ReleaseError, LogError) as error:
            problem = str(error)
        except Exception as error:  # whatever a library raises must not cost the verdict
            problem = f"{name} failed ({' '.join(f'{type(error).__name__}: {error}'.split())[:200]})"
        self.problems.append(problem)
        self.incomplete = self.incomplete or not decorates
        return None

    def act(self, name: str, step: Callable[[], str | None], *, decorates: bool = False) -> None:
        """`run` a step that says what it did."""
        done = self.run(name, step, decorates=decorates)
        if done:
            self.actions.append(done)


def act(settings: DriftSettings, verdict: Verdict, end: datetime, releases: Collection[str], steps: Steps) -> None:
    """Do what the settings ask for after a check."""
    cron_job = settings.retrain_cronjob
    if cron_job and verdict is Verdict.DRIFT:
        steps.act(
            "starting a training",
            lambda: retrain(cron_job, settings.kube_namespace, settings.retrain_cooldown_hours),
        )
    if settings.feedback_export:
        steps.act("exporting feedback", lambda: export(settings, end, releases))
    steps.act("removing old files", lambda: remove_old(settings), decorates=True)


def check(
    settings: DriftSettings,
    on_step: Callable[[str], None] = lambda _: None,
    on_decision: Callable[[Decision], None] = lambda _: None,
) -> DriftOutcome:
    """Compare a window of traffic with the release's reference, record the verdict, act on it, and draw the report.

    The same window, release and seed give the same verdict. Once there is one it is not lost: what follows is tried
    step by step, and what fails is a line in the outcome's `problems`. A training is started although the row or the
    report could not be written.

    Args:
        on_step: called with what is being done.
        on_decision: called with the verdict before anything else is done about it.

    Raises:
        DriftError, ReleaseError, LogError: there is no verdict, because there is no release or reference, or the log or
            the store cannot be read; each carries `exit_code` 2 and says what to do.
    """
    end = settings.end or datetime.now(UTC)
    start = end - timedelta(hours=settings.hours)
    on_step("reading the release")
    store = ReleaseStore(settings.releases_uri)
    log = WindowReader(settings.read_url)
    releases = store.release_ids(settings.model_name)
    release_id = choose_release(
        store, settings.model_name, settings.release, releases, lambda: dict(log.summary(start, end).by_release)
    )
    manifest = store.manifest(settings.model_name, release_id)
    reference = reference_sample(fetch_reference(store, manifest, settings.cache_dir), manifest.decision_threshold)
    on_step("reading the prediction log")
    traffic = read_traffic(
        settings.read_url,
        start,
        end,
        release_id,
        releases,
        max_rows=settings.max_rows,
        seed=settings.seed,
        count_repeats=settings.count_repeats,
    )
    on_step("comparing")
    battery, decision = compare_samples(reference, traffic, settings)
    notes = remarks(traffic, battery)
    on_decision(decision)
    row = DriftReportRow(
        created=datetime.now(UTC),
        window_start=start,
        window_end=end,
        release_id=release_id,
        verdict=decision.verdict.value,
        reason=decision.reason,
        rows=traffic.rows,
        statistics=[asdict(statistic) for statistic in battery.statistics],
        report_uri=None,
    )
    steps = Steps(on_step)
    row_id = steps.run("recording the verdict", partial(save_report, settings.database_url, row))
    act(settings, decision.verdict, end, releases, steps)
    address = None
    if settings.report_dir != "none":
        findings = Findings(manifest, reference, traffic, battery, decision, notes, settings.alpha)

        def draw() -> str:
            from drift_cronjob.report.write import write_report  # matplotlib: slow to load, and may be broken

            evidently, problems = settings.evidently, steps.problems
            return write_report(
                findings, settings.report_dir, settings.seed, evidently=evidently, on_problem=problems.append
            )

        address = steps.run("drawing the report", draw, decorates=True)
    if address is not None and row_id is not None:
        steps.run(
            "recording the report",
            partial(set_report_address, settings.database_url, row_id, address),
            decorates=True,
        )
    return DriftOutcome(
        verdict=decision.verdict,
        reason=decision.reason,
        statistics=battery.statistics,
        notes=notes,
        release_id=release_id,
        window_start=start,
        window_end=end,
        rows=traffic.rows,
        texts=len(traffic.sample),
        report_path=address,
        row_id=row_id,
        actions=steps.actions,
        problems=steps.problems,
        incomplete=steps.incomplete,
    )
