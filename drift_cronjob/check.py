"""One drift check, from the prediction log and a release to a verdict, a report and a row in the log."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from drift_cronjob.battery import Battery, BatteryLimits, run_battery
from drift_cronjob.errors import DriftError
from drift_cronjob.sample import Sample
from drift_cronjob.settings import DriftSettings
from drift_cronjob.sources import Traffic, choose_release, fetch_reference, read_traffic, reference_sample
from drift_cronjob.statistic import Statistic
from drift_cronjob.thresholds import judge
from drift_cronjob.verdict import Decision, Verdict, decide, not_enough
from model_release import Manifest, ReleaseError, ReleaseStore
from prediction_log import LogError


@dataclass(frozen=True, slots=True)
class DriftOutcome:
    """The verdict and all that led to it. `rows` are the release's logged rows in the window, `texts` the different
    ones that were compared, `report_path` the report's address or None, `row_id` its row in `drift_reports`, `actions`
    sentences on what was done about it."""

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
    row_id: int
    actions: list[str]

    @property
    def exit_code(self) -> int:
        """The command's exit code."""
        return self.verdict.exit_code


@dataclass(frozen=True, slots=True)
class Findings:
    """What the report draws: the two samples, the traffic they came from, and the decision about them."""

    manifest: Manifest
    reference: Sample
    traffic: Traffic
    battery: Battery
    decision: Decision
    notes: list[str]
    alpha: float


def remarks(traffic: Traffic, battery: Battery) -> list[str]:
    """Sentences on which rows were not compared, and which tests could not be run."""
    notes = []
    if traffic.other_releases:
        listed = ", ".join(f"{count:,} by {name}" for name, count in sorted(traffic.other_releases.items()))
        notes.append(f"In this window other releases answered too and are not part of this check: {listed}.")
    if traffic.rows > traffic.read:
        notes.append(f"Of {traffic.rows:,} rows a random sample of {traffic.read:,} was read.")
    repeats = traffic.read - len(traffic.sample)
    if repeats:
        notes.append(f"{repeats:,} rows repeat a text of the window; each text counts once.")
    notes += [f"Not tested: {reason}." for reason in battery.skipped]
    return notes


def compare_samples(reference: Sample, traffic: Traffic, settings: DriftSettings) -> tuple[Battery, Decision]:
    """Every statistic, judged, and the decision; no statistics when either side has too few rows."""
    from model_release.features import DESCRIPTORS

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


def act(settings: DriftSettings, verdict: Verdict, start: datetime, end: datetime) -> list[str]:
    """What the settings ask for after a check, in sentences. Each is tried, whatever became of the others.

    Raises:
        DriftError: some could not be done, and why; the verdict is recorded already.
    """
    from drift_cronjob.feedback_export import export
    from drift_cronjob.retention import remove_old
    from drift_cronjob.retrain import retrain

    asked: list[Callable[[], str | None]] = []
    if settings.feedback_export:
        asked.append(lambda: export(settings, start, end))
    if cron_job := settings.retrain_cronjob if verdict is Verdict.DRIFT else None:
        asked.append(lambda: retrain(cron_job, settings.kube_namespace, settings.retrain_cooldown_hours))
    asked.append(lambda: remove_old(settings))
    done, failed = [], []
    for action in asked:
        try:
            done.append(action())
        except (DriftError, ReleaseError, LogError) as error:
            failed.append(str(error))
    if failed:
        raise DriftError("; ".join([*filter(None, done), *failed]))
    return [sentence for sentence in done if sentence]


def check(settings: DriftSettings, on_step: Callable[[str], None] = lambda _: None) -> DriftOutcome:
    """Compare a window of traffic with the release's reference; write the report and a row in `drift_reports`.

    `on_step` is told what is being done. The same window, release and seed give the same verdict.

    Raises:
        DriftError, ReleaseError, LogError: there is no release or reference, or a store cannot be reached; each
            carries `exit_code` 2 and says what to do.
    """
    from drift_cronjob.report import write_report
    from prediction_log import DriftReportRow, WindowReader, save_report

    end = settings.end or datetime.now(UTC)
    start = end - timedelta(hours=settings.hours)
    on_step("reading the release")
    store = ReleaseStore(settings.releases_uri)
    log = WindowReader(settings.read_url)
    release_id = choose_release(
        store, settings.model_name, settings.release, lambda: dict(log.summary(start, end).by_release)
    )
    manifest = store.manifest(settings.model_name, release_id)
    reference = reference_sample(fetch_reference(store, manifest, settings.cache_dir), manifest.decision_threshold)
    on_step("reading the prediction log")
    traffic = read_traffic(
        settings.read_url,
        start,
        end,
        release_id,
        max_rows=settings.max_rows,
        seed=settings.seed,
        count_repeats=settings.count_repeats,
    )
    on_step("comparing")
    battery, decision = compare_samples(reference, traffic, settings)
    notes = remarks(traffic, battery)
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
    if settings.report_dir != "none":
        on_step("drawing the report")
        findings = Findings(manifest, reference, traffic, battery, decision, notes, settings.alpha)
        try:
            address = write_report(findings, settings.report_dir, settings.seed, evidently=settings.evidently)
        except DriftError as error:  # the verdict must not be lost with its report
            save_report(settings.database_url, row)
            raise DriftError(f"the verdict is {decision.verdict.value}, but {error}") from error
        row = replace(row, report_uri=address)
    row_id = save_report(settings.database_url, row)
    on_step("acting")
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
        report_path=row.report_uri,
        row_id=row_id,
        actions=act(settings, decision.verdict, start, end),
    )
