"""A search for training settings: Optuna proposes, prunes and remembers; the trials are ours to run and to call off."""

import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import optuna
import psutil
from optuna.trial import TrialState

from sentiment_common.addresses import without_password
from training_job.course import Validation
from training_job.errors import Diverged
from training_job.fitting import Prepared, fit, recipe_of
from training_job.loop import StepReport, validate
from training_job.settings import TrainSettings
from training_job.study import OUTCOME, SearchError, finished_trials, open_study
from training_job.tracking import Run, Tracker

SEARCHED = ("learning_rate", "batch_size", "epochs", "warmup_share", "weight_decay")
_RUN, _WORKER, _PARENT = "mlflow_run_id", "worker", "mlflow_run_id"


class SearchProgress(Protocol):
    """What follows a search."""

    def begin(self, what: str, total: int | None = None) -> None: ...
    def advance(self, done: int, note: str = "") -> None: ...
    def say(self, text: str) -> None: ...


@dataclass(frozen=True)
class SearchOutcome:
    """What a search has found, this call and earlier ones together.

    Attributes:
        best_loss, best_accuracy: of the best trial, on all validation rows.
        best: its settings by name, for `TrainSettings.model_copy(update=…)`.
        done, pruned, failed: trials by their end; `done` counts those that ran to it.
        run_id: the MLflow run that the trials' runs stand under; None without an MLflow.
    """

    study: str
    study_uri: str
    best_trial: int
    best_loss: float
    best_accuracy: float
    best: dict[str, Any]
    done: int
    pruned: int
    failed: int
    run_id: str | None


def searched(settings: TrainSettings) -> tuple[str, ...]:
    """The settings to search: those that were not given.

    Raises:
        SearchError: all were given.
    """
    names = tuple(name for name in SEARCHED if name not in settings.model_fields_set)
    if not names:
        raise SearchError(f"{', '.join(SEARCHED)} are all given: there is nothing to search; leave one out")
    return names


def describe(settings: TrainSettings, prepared: Prepared) -> dict[str, Any]:
    """What a search asks; trials of other questions cannot be compared with its own."""
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
    """Values for one trial, around what usually does well."""
    draw = {
        "learning_rate": lambda: trial.suggest_float("learning_rate", usual_rate / 4, usual_rate * 4, log=True),
        "batch_size": lambda: trial.suggest_categorical("batch_size", [8, 16, 32]),
        "epochs": lambda: trial.suggest_int("epochs", 1, 4),
        "warmup_share": lambda: trial.suggest_float("warmup_share", 0.0, 0.3),
        "weight_decay": lambda: trial.suggest_float("weight_decay", 1e-4, 0.1, log=True),
    }
    return {name: draw[name]() for name in names}


def _worker() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{psutil.Process().create_time():.0f}"


def _is_gone(worker: str) -> bool:
    """Whether a worker of this machine has ended; of another machine's it is not known."""
    host, pid, began = worker.rsplit(":", 2)
    if host != socket.gethostname():
        return False
    try:
        return f"{psutil.Process(int(pid)).create_time():.0f}" != began
    except psutil.NoSuchProcess:
        return True


def close_stale(study: optuna.Study, tracker: Tracker) -> int:
    """End the trials whose process was killed without a chance to do so; how many."""
    stale = [
        trial
        for trial in study.get_trials(states=(TrialState.RUNNING,))
        if _is_gone(trial.user_attrs.get(_WORKER, f"{socket.gethostname()}:0:0"))
    ]
    for trial in stale:
        study.tell(trial.number, state=TrialState.FAIL)
        if _RUN in trial.user_attrs:
            tracker.close_stale(trial.user_attrs[_RUN])
    return len(stale)


class _TrialObserver:
    """Reports a trial's evaluations to Optuna and MLflow, and ends it when Optuna prunes it."""

    def __init__(self, trial: optuna.Trial, run: Run, progress: SearchProgress) -> None:
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
        # Trials differ in length: they are compared at the same tenth of their learning rate's course.
        tenth = 10 * validation.step // validation.steps
        if tenth > self._tenth:
            self._tenth = tenth
            self._trial.report(validation.calibrated_loss, tenth)
        if validation.step < validation.steps and self._trial.should_prune():
            raise optuna.TrialPruned

    def saving(self) -> None:
        pass


@contextmanager
def _ended(study: optuna.Study, trial: optuna.Trial, run: Run) -> Iterator[None]:
    """Tell Optuna and MLflow how a trial ended, however it did."""
    try:
        yield
        run.tags({"trial_state": "complete"})
    except optuna.TrialPruned:
        study.tell(trial, state=TrialState.PRUNED)
        run.tags({"trial_state": "pruned"})
    except Diverged:
        trial.set_user_attr(OUTCOME, "diverged")
        study.tell(trial, state=TrialState.FAIL)
        run.tags({"trial_state": "diverged"})
        run.status = "FAILED"
    except BaseException:
        study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)
        run.tags({"trial_state": "interrupted"})
        raise


def _run_trial(
    study: optuna.Study,
    settings: TrainSettings,
    prepared: Prepared,
    tracker: Tracker,
    parent: str | None,
    progress: SearchProgress,
) -> None:
    trial = study.ask()
    trial.set_user_attr(_WORKER, _worker())
    name = f"trial-{trial.number}"
    with tracker.run(name, tags={"trial": str(trial.number)}, parent=parent) as run, _ended(study, trial, run):
        trial.set_user_attr(_RUN, run.run_id)
        values = suggest(trial, searched(settings), prepared.base.learning_rate)
        recipe = recipe_of(settings.model_copy(update=values), prepared.base)
        run.parameters(asdict(recipe))
        progress.begin(name, round(recipe.epochs * len(prepared.train)))
        model, _ = fit(prepared, recipe, _TrialObserver(trial, run, progress))
        whole = validate(model, prepared.validation, recipe.bf16)
        run.metrics({"objective": whole.calibrated_loss, "accuracy": whole.accuracy})
        trial.set_user_attr("accuracy", whole.accuracy)
        study.tell(trial, whole.calibrated_loss)


def search(settings: TrainSettings, prepared: Prepared, tracker: Tracker, progress: SearchProgress) -> SearchOutcome:
    """Run the trials that are missing to `settings.n_trials`; the objective is the validation loss at its best
    temperature, of the best weights of a trial, on all validation rows.

    An interruption leaves the study as it is: the trial that it met counts for nothing and another takes its place.

    Raises:
        SearchError: the study cannot be used, or no trial ran to its end.
    """
    study = open_study(settings, about := describe(settings, prepared))
    closed = close_stale(study, tracker)
    before = len(finished_trials(study))
    progress.say(
        f"search {study.study_name}: {before} of {settings.n_trials} trials are done"
        + (f", {closed} were cut off and are run again" if closed else "")
    )
    with tracker.run(f"search {study.study_name}", resume=study.user_attrs.get(_PARENT)) as parent:
        study.set_user_attr(_PARENT, parent.run_id)
        parent.parameters(about | {"n_trials": settings.n_trials} if not before else {})
        for _ in range(before, settings.n_trials):
            _run_trial(study, settings, prepared, tracker, parent.run_id, progress)
        outcome = _outcome(study, settings, parent.run_id)
        parent.metrics({"best_loss": outcome.best_loss, "best_accuracy": outcome.best_accuracy})
        parent.tags({f"best.{name}": value for name, value in outcome.best.items()})
    return outcome


def _outcome(study: optuna.Study, settings: TrainSettings, run_id: str | None) -> SearchOutcome:
    trials = finished_trials(study)
    counts = {state: sum(trial.state == state for trial in trials) for state in TrialState}
    if not counts[TrialState.COMPLETE]:
        raise SearchError(
            f"no trial of the search {study.study_name!r} ran to its end; raise N_TRIALS, or check the data"
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
