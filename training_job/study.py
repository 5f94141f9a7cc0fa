"""The Optuna study of a search, shared by all workers that use its database."""

import hashlib
import json
import logging
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from sentiment_common.addresses import without_password
from sentiment_common.database_lock import DatabaseBusy, only_process
from sentiment_common.errors import first_line
from training_job.errors import TrainingError
from training_job.settings import SearchSettings

STARTUP_TRIALS = 5  # before pruning, which needs a median
WARMUP_TENTHS = 3  # of a trial, before it may be pruned: its learning rate still rises
HEARTBEAT_SECONDS = 10
STALE_SECONDS = 60  # without a heartbeat, after which a trial's worker is considered dead
BUSY_SECONDS = 60  # SQLite: longest wait of a statement for another worker's
OUTCOME = "outcome"
_ABOUT, _ALIVE = "about", "heartbeat"

log = logging.getLogger(__name__)


class SearchError(TrainingError):
    """A search cannot be started or resumed."""


class TrialLost(Exception):
    """Another worker closed the trial because its heartbeats stopped; its result no longer counts."""


def study_name(settings: SearchSettings, about: Mapping[str, Any]) -> str:
    """Return the study's name, which equal inputs share, so that the same command resumes its search."""
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
    return settings.study_name or f"{Path(settings.base_model).name}-{about['train_rows']}-rows-{digest[:8]}"


class SharedStudy:
    """A study whose trials several workers run, on one machine or on many.

    A worker takes a trial while it holds the database's lock, so that all workers together run exactly the wanted
    number. It then writes heartbeats until the trial ends. A trial without heartbeats belongs to a worker that was
    killed: any other worker closes and replaces it.

    Attributes:
        study: Optuna's object.
    """

    def __init__(self, settings: SearchSettings, about: Mapping[str, Any]) -> None:
        """Open or create the study of these settings.

        Raises:
            SearchError: the database cannot be used, or the study was started with other inputs.
        """
        self._settings = settings
        self._closed: list[FrozenTrial] = []
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with _database_errors(settings, opening=True), _loggers_kept(), self.alone():
            self._storage = self._open_storage()
            self.study = optuna.create_study(
                storage=self._storage,
                study_name=study_name(settings, about),
                direction="minimize",
                load_if_exists=True,
                pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS, n_warmup_steps=WARMUP_TENTHS),
            )
            before = self.study.user_attrs.get(_ABOUT)
            if before is None:
                self.study.set_user_attr(_ABOUT, dict(about))
        if before is not None and before != dict(about):
            changed = ", ".join(
                f"{name} {before.get(name)!r} → {about[name]!r}" for name in about if before.get(name) != about[name]
            )
            raise SearchError(
                f"the search {self.study.study_name!r} was started with other settings ({changed}); "
                "set another STUDY_NAME"
            )

    def _open_storage(self) -> optuna.storages.RDBStorage:
        uri = self._settings.study_uri
        sqlite = uri.startswith("sqlite")
        with _experimental():
            return optuna.storages.RDBStorage(
                uri,
                engine_kwargs={"connect_args": {"timeout": BUSY_SECONDS}} if sqlite else None,
                heartbeat_interval=HEARTBEAT_SECONDS,
                grace_period=STALE_SECONDS,
                heartbeat_stale_trial_callback=lambda _, trial: self._closed.append(trial),
            )

    def errors_named(self) -> AbstractContextManager[None]:
        """Return a context that turns any database error into a `SearchError` with its reason and the remedy."""
        return _database_errors(self._settings)

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Hold the lock of the study's database; yield whether it excludes other processes.

        Raises:
            SearchError: the database fails, or another process does not release the lock.
        """
        with self.errors_named(), only_process(self._settings.study_uri, "optuna") as exclusive:
            yield exclusive

    def take(self, total: int) -> optuna.Trial | None:
        """Return the next trial; None while finished and running trials add up to `total`.

        Raises:
            SearchError: the database fails.
        """
        with self.errors_named(), self.alone():
            # One reading: between two, another worker's trial may end and be in neither.
            trials = self.study.get_trials(deepcopy=False)
            if sum(trial.state == TrialState.RUNNING or _is_finished(trial) for trial in trials) >= total:
                return None
            # The seed differs by trial: workers that start at once must not propose equal values.
            seed = self._settings.seed + len(trials)
            self.study.sampler = optuna.samplers.TPESampler(seed=seed)
            with _experimental():
                trial = self.study.ask()
            self._storage.record_heartbeat(trial._trial_id)
            trial.set_user_attr(_ALIVE, True)
            return trial

    @contextmanager
    def heartbeats(self, trial: optuna.Trial) -> Iterator[None]:
        """Write heartbeats from a thread, which show other workers that this trial's worker is alive."""
        stop = threading.Event()

        def beat() -> None:
            failing = False
            while not stop.wait(HEARTBEAT_SECONDS):
                try:
                    self._storage.record_heartbeat(trial._trial_id)
                    failing = False
                except Exception as error:  # of SQLAlchemy and the drivers; the next heartbeat may succeed
                    if not failing:
                        log.warning("the heartbeat of trial %d could not be written (%s)", trial.number, _reason(error))
                    failing = True
            self._storage.remove_session()

        thread = threading.Thread(target=beat, name="trial-heartbeats", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def close_stale(self) -> list[FrozenTrial]:
        """End the trials whose worker was killed, and return them.

        Raises:
            SearchError: the database fails.
        """
        self._closed.clear()
        with self.errors_named(), self.alone() as exclusive, _experimental():
            optuna.storages.fail_stale_trials(self.study)
            # The first heartbeat is written under the lock, so no live worker has a trial without one.
            unmarked = [trial for trial in self.running() if exclusive and _ALIVE not in trial.user_attrs]
            for trial in unmarked:
                self.study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
        return [*self._closed, *unmarked]

    def tell(self, trial: optuna.Trial, value: float | None = None, state: TrialState | None = None) -> None:
        """Report the end of a trial.

        Raises:
            TrialLost: another worker closed the trial.
            SearchError: the database fails.
        """
        with self.errors_named():
            try:
                self.study.tell(trial, value, state)
            except (ValueError, optuna.exceptions.UpdateFinishedTrialError) as error:
                if self._storage.get_trial(trial._trial_id).state == TrialState.RUNNING:
                    raise
                raise TrialLost from error

    def running(self) -> list[FrozenTrial]:
        """List the trials that a worker runs, or ran when it was killed.

        Raises:
            SearchError: the database fails.
        """
        with self.errors_named():
            return list(self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)))

    def finished(self) -> list[FrozenTrial]:
        """List the trials that were completed, were pruned, or diverged; interrupted trials are run again.

        Raises:
            SearchError: the database fails.
        """
        with self.errors_named():
            return [trial for trial in self.study.get_trials(deepcopy=False) if _is_finished(trial)]


def _is_finished(trial: FrozenTrial) -> bool:
    return trial.state in {TrialState.COMPLETE, TrialState.PRUNED} or trial.user_attrs.get(OUTCOME) == "diverged"


@contextmanager
def _experimental() -> Iterator[None]:
    """Silence Optuna's warnings of heartbeats, and of heartbeats outside its loop."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
        warnings.filterwarnings("ignore", message="Heartbeat of storage is supposed to be used")
        yield


@contextmanager
def _loggers_kept() -> Iterator[None]:
    """Keep every logger enabled: Optuna's migrations configure logging, which disables existing loggers."""
    loggers = [logger for logger in logging.Logger.manager.loggerDict.values() if isinstance(logger, logging.Logger)]
    silent = {logger for logger in loggers if logger.disabled}
    try:
        yield
    finally:
        for logger in loggers:
            logger.disabled = logger in silent


def _reason(error: BaseException) -> str:
    """Return the first line of the error, or of the driver's error behind Optuna's generic one."""
    if isinstance(error, optuna.exceptions.StorageInternalError) and error.__cause__ is not None:
        error = error.__cause__
    return first_line(error)


def _of_database(error: Exception) -> bool:
    families = ("sqlalchemy", "sqlite3", "psycopg", "pymysql", "alembic")
    return isinstance(error, (DatabaseBusy, optuna.exceptions.StorageInternalError)) or type(
        error
    ).__module__.startswith(families)


@contextmanager
def _database_errors(settings: SearchSettings, *, opening: bool = False) -> Iterator[None]:
    """Turn the errors of Optuna, SQLAlchemy and the drivers into one error that names STUDY_URI.

    Args:
        opening: also turn the errors of a wrong address or a missing driver.
    """
    try:
        yield
    except Exception as error:
        unfit = opening and isinstance(error, (ImportError, ValueError, optuna.exceptions.OptunaError))
        if not unfit and not _of_database(error):
            raise
        raise _unusable(settings, error) from error


def _remedy(uri: str, error: Exception) -> str:
    if isinstance(error, ImportError):
        return "install the database's driver"
    if isinstance(error, DatabaseBusy):
        return "end that process, and run the same command again"
    if "://" not in uri:
        return "set sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE"
    if uri.startswith("sqlite"):
        return (
            "set a file in a folder that can be written and has space, or another STUDY_URI; the same command "
            "resumes the search"
        )
    return (
        "check that the server is up, and the host, user, password and database in STUDY_URI; the same command resumes "
        "the search"
    )


def _unusable(settings: SearchSettings, error: Exception) -> SearchError:
    reason = _reason(error).removesuffix("; end that process")
    uri = settings.study_uri
    return SearchError(f"STUDY_URI {without_password(uri)} cannot be used ({reason}); {_remedy(uri, error)}")
