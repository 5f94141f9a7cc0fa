"""Search for training settings: Optuna proposes, prunes and records trials; this module runs them."""

import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from typing import Any

import optuna
from optuna.trial import TrialState

from sentiment_common.addresses import without_password
from training_job.errors import Diverged
from training_job.fit.course import Validation
from training_job.fit.loop import StepReport, validate
from training_job.fit.prepare import Prepared, fit, recipe_of
from training_job.outcomes import SearchOutcome
from training_job.settings import SearchSettings
from training_job.stages import Reporter
from training_job.study import OUTCOME, STALE_SECONDS, SearchError, SharedStudy, TrialLost
from training_job.tracking.run import Run, Tracker

SEARCHED = ("learning_rate", "batch_size", "epochs", "warmup_share", "weight_decay")
POLL_SECONDS = 2.0  # between checks of other workers' trials
_RUN = _PARENT = "mlflow_run_id"


def searched(settings: SearchSettings) -> tuple[str, ...]:
    """Return the names of the settings to search, which are those that the user has not set.

    Raises:
        SearchError: all are set.
    """
    names = tuple(name for name in SEARCHED if name not in settings.model_fields_set)
    if not names:
        raise SearchError(f"{', '.join(SEARCHED)} are all set, so there is nothing to search; leave one out")
    return names


def describe(settings: SearchSettings, prepared: Prepared) -> dict[str, Any]:
    """Return the inputs of a search; trials with other inputs cannot be compared with its trials."""
    names = searched(settings)
    held = recipe_of(settings, prepared.base)
    return {
        "base_model": settings.base_model,
        "train_rows": len(prepared.train),
        "max_tokens": settings.max_tokens,
        "truncation": settings.truncation,
        "data": prepared.parts.fingerprint,
        "searched": list(names),
        "held": {name: getattr(held, name) for name in SEARCHED if name not in names},
    }


def suggest(trial: optuna.Trial, names: Iterable[str], usual_rate: float) -> dict[str, Any]:
    """Draw the values of one trial, around values that usually do well."""
    draw = {
        "learning_rate": lambda: trial.suggest_float("learning_rate", usual_rate / 4, usual_rate * 4, log=True),
        "batch_size": lambda: trial.suggest_categorical("batch_size", [8, 16, 32]),
        "epochs": lambda: trial.suggest_int("epochs", 1, 4),
        "warmup_share": lambda: trial.suggest_float("warmup_share", 0.0, 0.3),
        "weight_decay": lambda: trial.suggest_float("weight_decay", 1e-4, 0.1, log=True),
    }
    return {name: draw[name]() for name in names}


class _TrialObserver:
    """Reports a trial's evaluations to Optuna and MLflow, and ends it when Optuna prunes it."""

    def __init__(self, trial: optuna.Trial, run: Run, progress: Reporter) -> None:
        self._trial, self._run, self._progress = trial, run, progress
        self._tenth = 0

    def stepped(self, report: StepReport) -> None:
        self._progress.advance(report.rows, f"loss {report.loss:.3f}")

    def evaluating(self, rows: int) -> None:
        pass

    def evaluated(self, validation: Validation) -> None:
        figures = {name: value for name, value in asdict(validation).items() if name not in {"step", "steps"}}
        self._run.metrics({f"validation_{name}": value for name, value in figures.items()}, validation.step)
        self._run.flush()
        # Trials differ in length, so they are compared at the same tenth of their learning rate's schedule.
        tenth = 10 * validation.step // validation.steps
        if tenth > self._tenth:
            self._tenth = tenth
            self._trial.report(validation.calibrated_loss, tenth)
        if validation.step < validation.steps and self._trial.should_prune():
            raise optuna.TrialPruned

    def saving(self) -> None:
        pass


@contextmanager
def _ended(shared: SharedStudy, trial: optuna.Trial, run: Run) -> Iterator[None]:
    """Report the end of a trial, whatever its cause, to Optuna and MLflow."""
    try:
        yield
        run.tags({"trial_state": "complete"})
    except optuna.TrialPruned:
        shared.tell(trial, state=TrialState.PRUNED)
        run.tags({"trial_state": "pruned"})
    except Diverged:
        trial.set_user_attr(OUTCOME, "diverged")
        shared.tell(trial, state=TrialState.FAIL)
        run.tags({"trial_state": "diverged"})
        run.status = "FAILED"
    except BaseException:
        with suppress(TrialLost, SearchError):
            shared.tell(trial, state=TrialState.FAIL)
        run.tags({"trial_state": "interrupted"})
        raise


@contextmanager
def _unless_lost(trial: optuna.Trial, run: Run, progress: Reporter) -> Iterator[None]:
    """Continue the search when another worker has closed the trial."""
    try:
        yield
    except (TrialLost, optuna.exceptions.UpdateFinishedTrialError):
        run.tags({"trial_state": "lost"})
        run.status = "KILLED"
        progress.say(
            f"trial {trial.number} does not count: another worker closed it, because its heartbeats stopped for more "
            f"than {STALE_SECONDS} s"
        )


def _run_trial(
    shared: SharedStudy,
    trial: optuna.Trial,
    settings: SearchSettings,
    prepared: Prepared,
    tracker: Tracker,
    parent: str | None,
    progress: Reporter,
) -> None:
    name = f"trial-{trial.number}"
    with (
        shared.heartbeats(trial),
        tracker.run(name, tags={"trial": str(trial.number)}, parent=parent) as run,
        _unless_lost(trial, run, progress),
        _ended(shared, trial, run),
    ):
        trial.set_user_attr(_RUN, run.run_id)
        values = suggest(trial, searched(settings), prepared.base.learning_rate)
        recipe = recipe_of(settings.model_copy(update=values), prepared.base)
        run.parameters(asdict(recipe))
        progress.begin(name, round(recipe.epochs * len(prepared.train)))
        model, _ = fit(prepared, recipe, _TrialObserver(trial, run, progress))
        whole = validate(model, prepared.validation, recipe.bf16)
        run.metrics({"objective": whole.calibrated_loss, "accuracy": whole.accuracy})
        trial.set_user_attr("accuracy", whole.accuracy)
        shared.tell(trial, whole.calibrated_loss)


def close_stale(shared: SharedStudy, tracker: Tracker) -> int:
    """End the trials and the MLflow runs of workers that were killed; return the number of trials."""
    closed = shared.close_stale()
    for trial in closed:
        tracker.close_stale(trial.user_attrs.get(_RUN))
    return len(closed)


def _missing(shared: SharedStudy, total: int, tracker: Tracker, progress: Reporter) -> Iterator[optuna.Trial]:
    """Yield the trials that this worker runs, until all workers together have finished `total`.

    While other workers run the last trials, this worker waits, and replaces a worker that is killed.
    """
    waiting = False
    while len(shared.finished()) < total:
        if closed := close_stale(shared, tracker):
            progress.say(f"trials of workers that were killed, which are run again: {closed}")
        if trial := shared.take(total):
            waiting = False
            yield trial
            continue
        if not waiting:
            progress.say(f"waiting for trials that other workers run: {len(shared.running())}")
        waiting = True
        time.sleep(POLL_SECONDS)


def search(settings: SearchSettings, prepared: Prepared, tracker: Tracker, progress: Reporter) -> SearchOutcome:
    """Run trials until the study has `settings.n_trials`.

    The objective is the loss of a trial's best weights on all validation rows, at the temperature that minimises it.
    Several workers may search at once: together they run `n_trials`, and each returns when all are finished. An
    interruption ends the current trial, which does not count and is replaced.

    Raises:
        SearchError: the study's database fails, or no trial was completed.
    """
    shared = SharedStudy(settings, about := describe(settings, prepared))
    closed = close_stale(shared, tracker)
    study, before = shared.study, len(shared.finished())
    progress.say(
        f"search {study.study_name}: {before} of {settings.n_trials} trials are done"
        + (f", {closed} were interrupted and are run again" if closed else "")
    )
    with shared.errors_named(), ExitStack() as stack:
        with shared.alone():  # or two workers would create a parent each
            known = study.user_attrs.get(_PARENT)
            parent = stack.enter_context(tracker.run(f"search {study.study_name}", resume=known))
            study.set_user_attr(_PARENT, parent.run_id)
        if parent.run_id != known:
            parent.parameters(about | {"n_trials": settings.n_trials})
        for trial in _missing(shared, settings.n_trials, tracker, progress):
            _run_trial(shared, trial, settings, prepared, tracker, parent.run_id, progress)
        outcome = _outcome(shared, settings, parent.run_id)
        parent.metrics({"best_loss": outcome.best_loss, "best_accuracy": outcome.best_accuracy})
        parent.tags({f"best.{name}": value for name, value in outcome.best.items()})
    return outcome


def _outcome(shared: SharedStudy, settings: SearchSettings, run_id: str | None) -> SearchOutcome:
    study, trials = shared.study, shared.finished()
    counts = {state: sum(trial.state == state for trial in trials) for state in TrialState}
    if not counts[TrialState.COMPLETE]:
        raise SearchError(
            f"no trial of the search {study.study_name!r} was completed; raise N_TRIALS, or check the data"
        )
    best = study.best_trial
    return SearchOutcome(
        study=study.study_name,
        study_uri=without_password(settings.study_uri),
        best_trial=best.number,
        best_loss=float(best.value if best.value is not None else "nan"),
        best_accuracy=float(best.user_attrs["accuracy"]),
        best=dict(best.params),
        done=counts[TrialState.COMPLETE],
        pruned=counts[TrialState.PRUNED],
        failed=counts[TrialState.FAIL],
        run_id=run_id,
    )
