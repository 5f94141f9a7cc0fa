"""The Optuna study that a search stands in."""

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import TrialState

from sentiment_common.addresses import without_password
from training_job.errors import TrainingError
from training_job.settings import TrainSettings

STARTUP_TRIALS = 5  # before there is a median to prune by
WARMUP_TENTHS = 3  # of a trial, which is not pruned before: learning rates still rise there
OUTCOME = "outcome"
_ABOUT = "about"


class SearchError(TrainingError):
    """A search cannot be taken up."""


def study_name(settings: TrainSettings, about: Mapping[str, Any]) -> str:
    """The same for the same question, so that the same command takes its search up again."""
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
    return settings.study_name or f"{Path(settings.base_model).name}-{about['train_rows']}-rows-{digest[:8]}"


def open_study(settings: TrainSettings, about: Mapping[str, Any]) -> optuna.Study:
    """The study of this name, made unless there is one.

    Raises:
        SearchError: its database cannot be used, or it asked another question.
    """
    if settings.study_uri.startswith("sqlite:///"):
        Path(settings.study_uri.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with _loggers_kept():
            study = optuna.create_study(
                storage=settings.study_uri,
                study_name=study_name(settings, about),
                direction="minimize",
                load_if_exists=True,
                pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS, n_warmup_steps=WARMUP_TENTHS),
            )
        # The same seed again would propose again what the first call began with.
        study.sampler = optuna.samplers.TPESampler(seed=settings.seed + len(study.trials))
        before = study.user_attrs.get(_ABOUT)
        if before is None:
            study.set_user_attr(_ABOUT, dict(about))
    except (ImportError, ValueError, optuna.exceptions.OptunaError) as error:
        raise _unusable(settings, error) from error
    except Exception as error:  # SQLAlchemy's and the drivers' own families
        if not type(error).__module__.startswith(("sqlalchemy", "sqlite3", "psycopg", "pymysql", "alembic")):
            raise
        raise _unusable(settings, error) from error
    if before is not None and before != dict(about):
        changed = ", ".join(
            f"{name} {before.get(name)!r} → {about[name]!r}" for name in about if before.get(name) != about[name]
        )
        raise SearchError(
            f"the search {study.study_name!r} was begun with other settings ({changed}); set STUDY_NAME anew"
        )
    return study


@contextmanager
def _loggers_kept() -> Iterator[None]:
    """Optuna's migrations configure logging anew, which would silence every logger that there is."""
    loggers = [logger for logger in logging.Logger.manager.loggerDict.values() if isinstance(logger, logging.Logger)]
    silent = {logger for logger in loggers if logger.disabled}
    try:
        yield
    finally:
        for logger in loggers:
            logger.disabled = logger in silent


def _unusable(settings: TrainSettings, error: Exception) -> SearchError:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return SearchError(f"STUDY_URI {without_password(settings.study_uri)} cannot be used ({reason}); check it")


def finished_trials(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """Trials that ran to their end, were pruned, or diverged; one that was interrupted is to be run again."""
    return [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.state in {TrialState.COMPLETE, TrialState.PRUNED} or trial.user_attrs.get(OUTCOME) == "diverged"
    ]
