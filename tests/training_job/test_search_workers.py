"""Several workers on one study, as processes, of which one is killed."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from kit import searches
from kit.new_database import new_database
from kit.searches import Silent, search_rows, search_settings
from kit.training_runs import no_settings_from_outside, threads_kept
from optuna.trial import TrialState

from training_job import search as search_module
from training_job import study as study_module
from training_job.fit.prepare import Prepared
from training_job.search import search
from training_job.study import SharedStudy
from training_job.tracking.run import Tracker

__all__ = ["new_database", "no_settings_from_outside", "threads_kept"]

# A worker that takes a trial, has its first heartbeat written, and then does not come back.
HANGING = """
import sys, threading
from kit import searches
from training_job import search, study
study.HEARTBEAT_SECONDS = 1
def hang(*_):
    print("hangs", flush=True)
    threading.Event().wait()
search.fit = hang
searches.main()
"""


@contextlib.contextmanager
def _worker(*arguments: str, program: str | None = None) -> Iterator[subprocess.Popen[str]]:
    """A worker process that is ready to search."""
    paths = [str(Path(searches.__file__).parents[1]), str(Path(searches.__file__).parent), *sys.path]
    command = ["-c", program] if program else [searches.__file__]
    process = subprocess.Popen(
        [sys.executable, *command, *arguments], env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _go(process: subprocess.Popen[str]) -> None:
    assert process.stdout and process.stdin
    assert process.stdout.readline() == "ready\n", process.stderr and process.stderr.read()
    process.stdin.write("\n")
    process.stdin.flush()


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    return search_rows()


@pytest.mark.timeout(900)  # three processes that load torch and MLflow
def test_two_workers_that_begin_a_study_at_once_run_its_trials_together(new_database: str, tmp_path: Path) -> None:
    study_uri = new_database
    mlflow_uri = f"sqlite:///{tmp_path}/mlflow.db"
    with _worker(study_uri, mlflow_uri, "4") as one, _worker(study_uri, mlflow_uri, "4") as two:
        for worker in (one, two):
            _go(worker)
        answers = []
        for worker in (one, two):
            output, errors = worker.communicate()
            assert worker.returncode == 0, errors
            answers.append([int(word) for word in output.split()])
    assert sum(ran for ran, _ in answers) == 4 and [total for _, total in answers] == [4, 4]
    (name,) = optuna.get_all_study_names(study_uri)
    trials = optuna.load_study(study_name=name, storage=study_uri).trials
    assert [trial.state in (TrialState.COMPLETE, TrialState.PRUNED) for trial in trials] == [True] * 4
    assert len({trial.params["learning_rate"] for trial in trials}) == 4
    tracker = Tracker(mlflow_uri, "search")
    runs = tracker.client.search_runs([tracker.experiment_id])
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    assert len(parents) == 1 and len(runs) == 5
    assert {run.info.status for run in runs} == {"FINISHED"}


def test_a_killed_workers_trial_is_closed_by_another_machines_worker(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study_uri, mlflow_uri = f"sqlite:///{tmp_path}/optuna.db", f"sqlite:///{tmp_path}/mlflow.db"
    with _worker(study_uri, mlflow_uri, "2", program=HANGING) as hanging:
        _go(hanging)
        assert hanging.stdout and hanging.stdout.readline() == "hangs\n"
        hanging.send_signal(signal.SIGKILL)
        hanging.wait()
    monkeypatch.setattr(study_module, "STALE_SECONDS", 2)
    monkeypatch.setattr("socket.gethostname", lambda: "another-pod")
    progress, tracker = Silent(), Tracker(mlflow_uri, "search")
    outcome = search(search_settings(study_uri, n_trials=2), prepared, tracker, progress)
    assert outcome.done == 2 and len(progress.begun) == 2
    states = [trial.state for trial in optuna.load_study(study_name=outcome.study, storage=study_uri).trials]
    assert sorted(states) == [TrialState.COMPLETE, TrialState.COMPLETE, TrialState.FAIL]
    runs = tracker.client.search_runs([tracker.experiment_id], "tags.trial = '0'")
    assert [run.info.status for run in runs] == ["KILLED"]


def test_a_trial_of_an_earlier_version_without_heartbeats_is_closed(prepared: Prepared, tmp_path: Path) -> None:
    settings = search_settings(f"sqlite:///{tmp_path}/optuna.db")
    shared = SharedStudy(settings, search_module.describe(settings, prepared))
    old = shared.study.ask()
    old.set_user_attr("worker", "another-machine:1:1")
    live = shared.take(3)
    assert live is not None
    assert [trial.number for trial in shared.close_stale()] == [old.number]
    assert [trial.state for trial in shared.study.trials] == [TrialState.FAIL, TrialState.RUNNING]


def test_a_worker_whose_trial_was_closed_meanwhile_continues_without_it(prepared: Prepared, tmp_path: Path) -> None:
    """As after a machine's sleep: another worker took it for dead."""
    settings, tracker, progress = (
        search_settings(f"sqlite:///{tmp_path}/optuna.db", n_trials=1),
        Tracker(None, "x"),
        Silent(),
    )
    shared = SharedStudy(settings, search_module.describe(settings, prepared))
    trial = shared.take(1)
    assert trial is not None
    shared.study.tell(trial.number, state=TrialState.FAIL)
    search_module._run_trial(shared, trial, settings, prepared, tracker, None, progress)
    assert "trial 0 does not count: another worker closed it" in progress.lines[-1]
    assert search(settings, prepared, tracker, progress).done == 1


def test_an_interrupted_trial_that_was_closed_ends_as_interrupted(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any) -> Any:
        shared.study.tell(trial.number, state=TrialState.FAIL)
        raise KeyboardInterrupt

    settings = search_settings(f"sqlite:///{tmp_path}/optuna.db", n_trials=1)
    shared = SharedStudy(settings, search_module.describe(settings, prepared))
    trial = shared.take(1)
    assert trial is not None
    monkeypatch.setattr(search_module, "fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        search_module._run_trial(shared, trial, settings, prepared, Tracker(None, "x"), None, Silent())


def test_a_trial_that_ends_while_the_next_is_decided_counts_once(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = search_settings(f"sqlite:///{tmp_path}/optuna.db", n_trials=1)
    shared = SharedStudy(settings, search_module.describe(settings, prepared))
    other = SharedStudy(settings, search_module.describe(settings, prepared))
    running = other.take(1)
    assert running is not None
    read = shared.study.get_trials

    def read_and_end(*_: object, **options: Any) -> list[Any]:
        found = read(deepcopy=True, states=options.get("states"))
        if other.running():
            other.tell(running, 0.5)
        return found

    monkeypatch.setattr(shared.study, "get_trials", read_and_end)
    assert shared.take(1) is None
    assert len(other.finished()) == 1 and other.running() == []
