"""The training from its data to a published release, in one function that tells it from beginning to end."""

import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from model_release import Metric, ReleaseStore
from model_release.manifest import Fact
from training_job.data import Parts
from training_job.errors import system_limits_named
from training_job.fitting import Prepared, fit, padding_of, prepare, read_parts, recipe_of
from training_job.loop import Fitted, Recipe, StepReport, Validation
from training_job.package import BuiltRelease, ReleaseInputs, build_release
from training_job.progress import Progress
from training_job.registry import RegistryError, register
from training_job.search import SearchOutcome
from training_job.search import search as run_search
from training_job.settings import TrainSettings
from training_job.tracking import Run, Tracker, system_figures

TERMINATED = 128 + signal.SIGTERM


@dataclass(frozen=True)
class TrainOutcome:
    """What a training made.

    Attributes:
        metrics: of the release's default variant on the test rows, with 95 % intervals.
        seconds: load, search (where there was one), train (evaluation apart), evaluation, release.
        registry_version: the model version that carries the alias `challenger`; None with `registry_problem`.
    """

    release_id: str
    release_uri: str
    run_id: str
    default_variant: str
    metrics: dict[str, Metric]
    seconds: dict[str, float]
    registry_version: str | None = None
    registry_problem: str | None = None
    search: SearchOutcome | None = field(default=None)


@contextmanager
def stopped_by_sigterm() -> Iterator[None]:
    """SIGTERM ends what runs inside by SystemExit(143), so that runs are closed and scratch files removed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise SystemExit(TERMINATED)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Followed:
    """Tells the person and MLflow how the training goes."""

    def __init__(self, progress: Progress, run: Run) -> None:
        self._progress, self._run = progress, run
        self._accuracy = ""

    def stepped(self, report: StepReport) -> None:
        self._progress.advance(report.rows, f"loss {report.loss:.3f}{self._accuracy}")
        self._run.metrics({"train_loss": report.loss, "learning_rate": report.learning_rate}, report.step)

    def evaluating(self, rows: int) -> None:
        self._progress.advance(0, f"evaluating {rows} rows{self._accuracy}")

    def evaluated(self, validation: Validation) -> None:
        self._accuracy = f", validation accuracy {validation.accuracy:.3f}"
        figures = {
            "validation_accuracy": validation.accuracy,
            "validation_loss": validation.loss,
            "validation_calibrated_loss": validation.calibrated_loss,
        }
        self._run.metrics(figures, validation.step)
        self._run.flush()


def _commit(settings: TrainSettings) -> str | None:
    """The commit that was set, or what git says of this code; `-dirty` after it where files were changed."""
    if settings.git_commit:
        return settings.git_commit
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None


def _peak_mib() -> float:
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def _told(parts: Parts) -> str:
    dropped = [
        f"{count:,} {what}"
        for count, what in (
            (parts.test_copies_dropped, "that also stand in the test set"),
            (parts.repeats_dropped, "that stand there twice"),
        )
        if count
    ]
    held = ", a fifth of the file" if parts.test_held_out else ""
    return (
        f"rows: {len(parts.train):,} to train, {len(parts.validation):,} to validate, {len(parts.test):,} to test{held}"
        + (f"; dropped from training: {' and '.join(dropped)}" if dropped else "")
    )


def _load(settings: TrainSettings, progress: Progress) -> tuple[ReleaseStore, Tracker, Prepared]:
    """Find out whether all is there that the work needs: the store, the rows, MLflow, the base."""
    progress.begin("load")
    store = ReleaseStore(settings.releases_uri)
    store.check_writable(settings.model_name)
    parts = read_parts(settings)
    progress.say(_told(parts))
    tracker = Tracker(settings.mlflow_tracking_uri, settings.mlflow_experiment)
    prepared = prepare(settings, parts)
    progress.end()
    return store, tracker, prepared


def _facts(settings: TrainSettings, prepared: Prepared, recipe: Recipe, fitted: Fitted) -> dict[str, Fact]:
    """What the manifest and the card tell of the training."""
    parts = prepared.parts
    public = settings.public()
    return {
        **{name: public[name] for name in ("mode", "train_data", "test_data")},
        **{name: value for name, value in asdict(recipe).items() if name != "bf16"},
        "precision": "bf16" if recipe.bf16 else "fp32",
        "test_copies_dropped": parts.test_copies_dropped,
        "repeats_dropped": parts.repeats_dropped,
        "test_held_out": parts.test_held_out,
        "padding_share": round(padding_of(prepared, recipe), 4),
        "steps": fitted.steps,
        "best_step": fitted.best.step,
        "watched_rows": len(prepared.watched),
        "watched_accuracy": round(fitted.best.accuracy, 4),
        "train_seconds": round(fitted.train_seconds, 2),
        "validation_seconds": round(fitted.evaluation_seconds, 2),
        "rows_per_second": round(fitted.rows / fitted.train_seconds, 2),
        "peak_memory_mib": round(_peak_mib()),
    }


def _build(
    settings: TrainSettings, prepared: Prepared, model: Any, fitted: Fitted, facts: dict[str, Fact], run: Run,
    work_dir: Path, progress: Progress,
) -> BuiltRelease:  # fmt: skip
    return build_release(
        ReleaseInputs(
            model=model,
            tokenizer_json=prepared.base.save_tokenizer(work_dir / "tokenizer"),
            name=settings.model_name,
            base_model=settings.base_model,
            max_tokens=settings.max_tokens,
            truncation=settings.truncation,
            train=prepared.parts.train,
            validation=prepared.parts.validation,
            test=prepared.parts.test,
            data_fingerprint=prepared.parts.fingerprint,
            git_commit=_commit(settings),
            mlflow_run_id=run.run_id,
            work_dir=work_dir,
            facts=facts,
            curves=fitted.curves,
            threads=settings.threads,
            seed=settings.seed,
            on_stage=progress.begin,
            on_progress=progress.advance,
        )
    )


def _record(run: Run, built: BuiltRelease, release_id: str, seconds: dict[str, float]) -> None:
    """The release's figures and pictures in MLflow's run."""
    run.metrics({name: metric.value for name, metric in built.manifest.metrics.items()})
    run.metrics({f"seconds/{name}": value for name, value in seconds.items()})
    run.metrics({"peak_memory_mib": _peak_mib()})
    run.tags({"release_id": release_id, "default_variant": built.manifest.default_variant})
    for path in built.plots.values():
        run.artifact(path, "plots")
    run.artifact(built.card)
    run.flush()


def train(settings: TrainSettings, progress: Progress | None = None) -> TrainOutcome:
    """Train, measure, release, publish, register.

    Raises:
        TrainingError, ReleaseError, RegistryError: what a user can mend, named with its remedy. A store or an MLflow
            that cannot be reached is found before the training. Nothing is published unless all of it is.
    """
    progress = progress or Progress()
    with system_limits_named(), stopped_by_sigterm(), progress:
        store, tracker, prepared = _load(settings, progress)
        found = None
        if settings.optimize:
            found = run_search(settings, prepared, tracker, progress)
            settings = settings.model_copy(update=found.best)
        recipe = recipe_of(settings, prepared.base)
        settings.work_dir.mkdir(parents=True, exist_ok=True)
        with (
            tracker.run(f"train {settings.mode}", tags={"model": settings.model_name}) as run,
            system_figures(run),
            tempfile.TemporaryDirectory(prefix="train-", dir=settings.work_dir) as scratch,
        ):
            run.parameters(settings.public() | asdict(recipe))
            progress.begin("train", round(recipe.epochs * len(prepared.train)))
            model, fitted = fit(prepared, recipe, _Followed(progress, run))
            facts = _facts(settings, prepared, recipe, fitted)
            built = _build(settings, prepared, model, fitted, facts, run, Path(scratch), progress)
            progress.begin("publish")
            release_id = store.publish(built.folder, built.manifest)
            release_uri = store.uri(settings.model_name, release_id)
            version, problem = _register(settings, release_uri, release_id, run)
            progress.end()
            seconds = _seconds(progress, fitted)
            _record(run, built, release_id, seconds)
        default, metrics = built.manifest.default_variant, built.manifest.metrics
        return TrainOutcome(
            release_id, release_uri, run.run_id, default, metrics, seconds, version, problem, found
        )  # fmt: skip


def _register(settings: TrainSettings, uri: str, release_id: str, run: Run) -> tuple[str | None, str | None]:
    """The version, or why there is none: the release is published then all the same."""
    try:
        return register(settings.mlflow_tracking_uri, settings.model_name, uri, release_id, run.run_id), None
    except RegistryError as error:
        return None, str(error)


def _seconds(progress: Progress, fitted: Fitted) -> dict[str, float]:
    """Load, search, train, evaluation within it, and all that came after."""
    stages = dict(progress.seconds)
    load, training = stages.pop("load"), stages.pop("train")
    trials = [stages.pop(name) for name in list(stages) if name.startswith("trial-")]
    seconds = {"load": load, "train": fitted.train_seconds, "evaluation": training - fitted.train_seconds}
    return seconds | ({"search": sum(trials)} if trials else {}) | {"release": sum(stages.values())}


def search(settings: TrainSettings, progress: Progress | None = None) -> SearchOutcome:
    """Search for settings, without a release.

    Raises:
        TrainingError, RegistryError: what a user can mend, named with its remedy.
    """
    progress = progress or Progress()
    with system_limits_named(), stopped_by_sigterm(), progress:
        progress.begin("load")
        parts = read_parts(settings)
        tracker = Tracker(settings.mlflow_tracking_uri, settings.mlflow_experiment)
        prepared = prepare(settings, parts)
        progress.end()
        return run_search(settings, prepared, tracker, progress)
