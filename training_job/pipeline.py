"""The pipeline from the data to a published release: `train` is its outline."""

import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

from model_release import ReleaseStore
from model_release.manifest import Fact
from model_release.seen import are_seen
from sentiment_common.errors import UserError
from training_job.build.release import build_release
from training_job.build.source_commit import source_commit
from training_job.build.types import BuiltRelease, ReleaseInputs
from training_job.data.rows import Parts
from training_job.data.split import SCHEME
from training_job.errors import system_limits_named
from training_job.extras import Extras
from training_job.fit.checkpoint import Checkpoints
from training_job.fit.course import Fitted, Validation, peak_memory_mib
from training_job.fit.loop import Recipe, StepReport, step_count
from training_job.fit.prepare import Prepared, fit, identity, padding_of, prepare, read_parts, recipe_of
from training_job.kept import kept_releases, release_kept
from training_job.measure.gate import Gate
from training_job.outcomes import SearchOutcome, TrainOutcome
from training_job.progress import Progress
from training_job.promotion.auto import compare_with_champion
from training_job.promotion.promote import Promoter, Promotion, PromotionError
from training_job.search import search as run_search
from training_job.settings import SearchSettings, TrainSettings
from training_job.stages import Stages
from training_job.stopping import Interruptions
from training_job.tracking.registry import try_register
from training_job.tracking.run import Run, Tracker, system_figures
from training_job.workspace import check_space, full_named, scratch, space_of

log = logging.getLogger(__name__)


class _TrainingObserver:
    """Shows the progress of a training on the console and in MLflow."""

    def __init__(self, stages: Stages, run: Run) -> None:
        self._stages, self._run = stages, run
        self._accuracy = ""

    def stepped(self, report: StepReport) -> None:
        self._stages.advance(report.rows, f"loss {report.loss:.3f}{self._accuracy}")
        self._run.metrics({"train_loss": report.loss, "learning_rate": report.learning_rate}, report.step)

    def evaluating(self, rows: int) -> None:
        self._stages.advance(0, f"evaluating {rows} rows{self._accuracy}")

    def evaluated(self, validation: Validation) -> None:
        self._accuracy = f", validation accuracy {validation.accuracy:.3f}"
        figures = {
            "validation_accuracy": validation.accuracy,
            "validation_loss": validation.loss,
            "validation_calibrated_loss": validation.calibrated_loss,
        }
        self._run.metrics(figures, validation.step)
        self._run.flush()

    def saving(self) -> None:
        self._run.flush()


def _summary(parts: Parts) -> str:
    """Describe the parts and the rows left out of them, in one line."""
    counts = parts.counts
    repeated, tied = "that repeat an earlier row", "whose text has both labels equally often"
    left_out = {
        "dropped from training": [
            (counts.test_copies_dropped, "that are also in the test set"),
            (counts.repeats_dropped, repeated),
            (counts.tied_texts_dropped, tied),
            (counts.validation_kept_back, "held out for validation beyond VALIDATION_ROWS"),
        ],
        "dropped from the test": [(counts.test_repeats_dropped, repeated), (counts.test_tied_texts_dropped, tied)],
        "texts with both labels, which get the more frequent one": [
            (counts.contradicting_texts, "of the training file"),
            (counts.test_contradicting_texts, "of the test file"),
        ],
    }
    held = " (a fifth of the file, chosen by the hash of the text)" if parts.test_held_out else ""
    found = [
        f"rows: {len(parts.train):,} to train, {len(parts.validation):,} to validate, {len(parts.test):,} to test{held}"
    ]
    for title, rows in left_out.items():
        if listed := ", ".join(f"{count:,} {what}" for count, what in rows if count):
            found.append(f"{title}: {listed}")
    if len(set(parts.validation.labels.tolist())) == 1:
        found.append(
            "all validation rows have one label: the temperature stays 1, and the weights that predict that label best "
            "are kept"
        )
    if feedback := parts.feedback:
        found.append(
            f"feedback: {feedback.feedback_rows:,} rows of {feedback.feedback_files:,} files, of these "
            f"{feedback.feedback_added:,} added, {feedback.feedback_relabelled:,} that relabel a training row, "
            f"{feedback.feedback_in_test + feedback.feedback_in_validation:,} left out as test or validation rows"
        )
    return "; ".join(found)


def _prepared(settings: SearchSettings, parts: Parts, stages: Stages) -> Prepared:
    prepared = prepare(settings, parts)
    for note in prepared.base.notes:
        stages.say(note)
    known = _test_rows_of_base(prepared)
    if known is None:
        stages.say(
            "warning: the base is a release of an earlier version without a record of its training rows; these may "
            "include test rows and flatter the figures, and the gate compares only test rows of its reference sample"
        )
    elif known:
        stages.say(
            f"warning: the base was trained on {known:,} of {len(parts.test):,} test rows; the figures flatter it"
        )
    return prepared


def _test_rows_of_base(prepared: Prepared) -> int | None:
    """Count the test rows that the base was trained on; None if the base has no complete record."""
    texts, base = prepared.parts.test.texts, prepared.base
    if base.known_new is not None and not are_seen(texts, base.known_new).all():
        return None
    return 0 if base.seen is None else int(are_seen(texts, base.seen).sum())


def _load(settings: TrainSettings, stages: Stages) -> tuple[ReleaseStore, Tracker, Prepared]:
    """Open everything that the work needs, and fail early: the store, the rows, MLflow, the base, disk space."""
    stages.begin("load")
    store = ReleaseStore(settings.releases_uri)
    store.check_writable(settings.model_name)
    if kept := kept_releases(settings.work_dir):
        stages.say(
            f"not published yet: {', '.join(map(str, kept))}; publish each with `sentiment publish`, or remove it"
        )
    parts = read_parts(settings)
    stages.say(_summary(parts))
    tracker = Tracker(settings.registry_uri, settings.mlflow_experiment)
    prepared = _prepared(settings, parts, stages)
    needed = space_of(prepared.base.model)
    check_space(settings.work_dir, needed)
    store.check_space(needed, settings.work_dir)
    stages.end()
    return store, tracker, prepared


def _facts(settings: TrainSettings, prepared: Prepared, recipe: Recipe, fitted: Fitted) -> dict[str, Fact]:
    """Return the facts of the training for the manifest and the card."""
    parts = prepared.parts
    public = settings.public()
    return {
        **{name: public[name] for name in ("mode", "train_data", "test_data")},
        **{name: value for name, value in asdict(recipe).items() if name != "bf16"},
        "precision": "bf16" if recipe.bf16 else "fp32",
        **asdict(parts.counts),
        "test_held_out": parts.test_held_out,
        "test_rows_seen_by_base": _test_rows_of_base(prepared),
        "split_scheme": SCHEME,
        **(asdict(parts.feedback) if parts.feedback else {}),
        "padding_share": round(padding_of(prepared, recipe), 4),
        "steps": fitted.steps,
        "best_step": fitted.best.step,
        "watched_rows": len(prepared.watched),
        "watched_accuracy": round(fitted.best.accuracy, 4),
        "train_seconds": round(fitted.train_seconds, 2),
        "validation_seconds": round(fitted.evaluation_seconds, 2),
        "rows_per_second": round(fitted.rows / fitted.train_seconds, 2),
        "peak_memory_mib": round(fitted.peak_memory_mib),
    }


def _build(
    settings: TrainSettings, prepared: Prepared, model: Any, fitted: Fitted, facts: dict[str, Fact], run: Run,
    work_dir: Path, stages: Stages,
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
            git_commit=settings.git_commit or source_commit(),
            mlflow_run_id=run.run_id,
            work_dir=work_dir,
            created_at=fitted.ended,
            facts=facts,
            curves=fitted.curves,
            watched_rows=len(prepared.watched),
            threads=settings.threads,
            seed=settings.seed,
            on_stage=stages.begin,
            on_progress=stages.advance,
            inherited=prepared.base.seen,
            known_new=prepared.base.known_new,
            say=stages.say,
        )
    )


def _record(run: Run, built: BuiltRelease, release_id: str, seconds: dict[str, float]) -> None:
    """Log the release's figures and documents to the MLflow run."""
    run.metrics({name: metric.value for name, metric in built.manifest.metrics.items()})
    run.metrics({f"seconds/{name}": value for name, value in seconds.items()})
    run.metrics({"peak_memory_mib": peak_memory_mib()})
    missing = {"missing": "; ".join(built.missing)} if built.missing else {}
    run.tags({"release_id": release_id, "default_variant": built.manifest.default_variant} | missing)
    for path in built.plots.values():
        run.artifact(path, "plots")
    for document in filter(None, (built.card, built.page)):
        run.artifact(document)
    run.flush()


def _checkpoints(
    settings: TrainSettings, prepared: Prepared, recipe: Recipe, interruptions: Interruptions, stages: Stages
) -> Checkpoints | None:
    """Open the checkpoints of this training, if CHECKPOINT_DIR is set, and report the step at which it resumes."""
    if settings.checkpoint_dir is None:
        return None
    checkpoints = Checkpoints(
        settings.checkpoint_dir,
        identity(settings, prepared, recipe),
        settings.checkpoint_steps,
        held=interruptions.held,
        say=stages.say,
    )
    if found := checkpoints.found:
        steps = step_count(recipe, len(prepared.train))
        stages.say(f"resumes after step {found.step} of {steps}, from the checkpoint of {found.saved:%F %T} UTC")
    return checkpoints


def _gated(promoter: Promoter, built: BuiltRelease, prepared: Prepared, stages: Stages, run: Run) -> Gate:
    """Judge a published release, and log the verdict to the MLflow run."""
    gate = compare_with_champion(promoter, built.manifest, prepared.parts.test, built.evaluation, stages, built.folder)
    run.tags({"gate": "passed" if gate.passed else "failed", "gate_reason": gate.reason})
    if gate.difference is not None and gate.champion_accuracy is not None and gate.p_value is not None:
        ends = {f"gate/difference_{name}": getattr(gate.difference, name) for name in ("value", "low", "high")}
        run.metrics(ends | {"gate/champion_accuracy": gate.champion_accuracy, "gate/p_value": gate.p_value})
    if gate.rows is not None:
        run.metrics({"gate/rows": gate.rows})
    return gate


def train(settings: TrainSettings, progress: Progress | None = None, promoter: Promoter | None = None) -> TrainOutcome:
    """Train, measure, release, publish, register; with a promoter also promote a release that passes the gate.

    With CHECKPOINT_DIR an interrupted training resumes at its last step, in the same MLflow run, which is KILLED
    meanwhile. The steps after the fit are repeated, and give the same release.

    Raises:
        TrainingError, ReleaseError, RegistryError: a user error; the message names the remedy. A store or an MLflow
            that cannot be reached is found before the training. A release is published whole or not at all.
    """
    progress = progress or Progress()
    stages = Stages(progress)
    with system_limits_named(), Interruptions() as interruptions, progress:
        store, tracker, prepared = _load(settings, stages)
        search = None
        if settings.optimize:
            search = run_search(settings, prepared, tracker, stages)
            settings = settings.model_copy(update=search.best)
        recipe = recipe_of(settings, prepared.base)
        checkpoints = _checkpoints(settings, prepared, recipe, interruptions, stages)
        found = checkpoints.found if checkpoints else None
        with (
            tracker.run(
                f"train {settings.mode}", tags={"model": settings.model_name}, resume=found.run_id if found else None
            ) as run,
            system_figures(run),
            scratch(settings.work_dir) as work_dir,
        ):
            if checkpoints:
                checkpoints.run_id = run.run_id
            if not found or found.run_id != run.run_id:
                feedback = asdict(prepared.parts.feedback) if prepared.parts.feedback else {}
                run.parameters(settings.public() | asdict(recipe) | asdict(prepared.parts.counts) | feedback)
            stages.begin("train", round(recipe.epochs * len(prepared.train)) - (found.record["rows"] if found else 0))
            model, fitted = fit(prepared, recipe, _TrainingObserver(stages, run), checkpoints)
            facts = _facts(settings, prepared, recipe, fitted)
            with full_named(settings.work_dir, space_of(model)):
                built = _build(settings, prepared, model, fitted, facts, run, work_dir, stages)
            stages.begin("publish")
            with release_kept(built.folder, built.manifest, settings.work_dir):
                release_id = store.publish(built.folder, built.manifest)
            release_uri = store.uri(settings.model_name, release_id)
            version, problem = try_register(
                settings.registry_uri, settings.model_name, release_uri, release_id, run.run_id
            )
            gate = _gated(promoter, built, prepared, stages, run) if promoter else None
            stages.end()
            seconds = _seconds(stages, fitted)
            extras = Extras(stages.say)
            extras.attempt("the record in MLflow", lambda: _record(run, built, release_id, seconds))
        promotion, refusal = _promote(promoter, release_id) if promoter and gate and gate.passed else (None, None)
        if checkpoints:
            checkpoints.clear()
        default, metrics = built.manifest.default_variant, built.manifest.metrics
        return TrainOutcome(
            release_id, release_uri, run.run_id, default, metrics, seconds, version, problem, search, gate, promotion,
            refusal, {**built.missing, **extras.missing},
        )  # fmt: skip


def _promote(promoter: Promoter, release_id: str) -> tuple[Promotion | None, UserError | None]:
    """Promote a published release; return the promotion, or the reason why it failed."""
    try:
        with system_limits_named():
            return promoter.promote(release_id), None
    except UserError as error:
        return None, error
    except Exception as error:  # of any library that checks or serves the release
        log.debug("the promotion failed", exc_info=True)
        return None, PromotionError(
            f"release {release_id} is published but could not be promoted ({type(error).__name__}: {error}); "
            f"to try again: sentiment promote {release_id}"
        )


def _seconds(stages: Stages, fitted: Fitted) -> dict[str, float]:
    """Sum up the stages: load, search, train, evaluation and release.

    For a resumed training, train and evaluation cover all of its runs; the other figures cover the last one.
    """
    parts = dict(stages.seconds)
    load, _ = parts.pop("load"), parts.pop("train")
    trials = [parts.pop(name) for name in list(parts) if name.startswith("trial-")]
    seconds = {"load": load, "train": fitted.train_seconds, "evaluation": fitted.evaluation_seconds}
    return seconds | ({"search": sum(trials)} if trials else {}) | {"release": sum(parts.values())}


def search(settings: SearchSettings, progress: Progress | None = None) -> SearchOutcome:
    """Search for settings, without a release.

    Raises:
        TrainingError, RegistryError: a user error; the message names the remedy.
    """
    progress = progress or Progress()
    stages = Stages(progress)
    with system_limits_named(), Interruptions(), progress:
        stages.begin("load")
        parts = read_parts(settings)
        tracker = Tracker(settings.registry_uri, settings.mlflow_experiment)
        prepared = _prepared(settings, parts, stages)
        stages.end()
        return run_search(settings, prepared, tracker, stages)
