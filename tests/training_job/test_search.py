"""A search runs the missing trials, prunes, resumes, and reports the end of each trial to MLflow and Optuna."""

from collections import Counter
from pathlib import Path
from typing import Any

import optuna
import pytest
import torch
from kit.searches import Silent, search_rows, search_settings
from kit.training_runs import no_settings_from_outside
from optuna.trial import TrialState

from training_job import search as search_module
from training_job.errors import Diverged
from training_job.fit.prepare import Prepared
from training_job.search import SEARCHED, search, searched
from training_job.settings import TrainSettings
from training_job.study import SearchError, SharedStudy, study_name
from training_job.tracking.run import Tracker

__all__ = ["no_settings_from_outside"]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _settings(folder: Path, **changes: Any) -> TrainSettings:
    return search_settings(**{"study_uri": f"sqlite:///{folder}/studies/optuna.db"} | changes)


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    return search_rows()


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Tracker:
    return Tracker(f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db", "search")


def _children(tracker: Tracker, parent: str) -> list[Any]:
    return list(
        tracker.client.search_runs([tracker.experiment_id], f"tags.`mlflow.parentRunId` = '{parent}'", max_results=100)
    )


def _study(settings: TrainSettings, name: str) -> optuna.Study:
    return optuna.load_study(study_name=name, storage=settings.study_uri)


def test_a_search_resumes_where_it_was_stopped(tracker: Tracker, prepared: Prepared, tmp_path: Path) -> None:
    settings, progress = _settings(tmp_path, n_trials=2), Silent()
    first = search(settings, prepared, tracker, progress)
    assert (first.done, first.pruned, first.failed) == (2, 0, 0)
    again = search(settings, prepared, tracker, progress)
    assert again == first and progress.lines[-1].endswith("2 of 2 trials are done")

    more = search(_settings(tmp_path, n_trials=4), prepared, tracker, progress)
    assert more.done + more.pruned == 4 and more.study == first.study and more.run_id == first.run_id
    assert progress.begun == ["trial-0", "trial-1", "trial-2", "trial-3"]
    study = _study(settings, more.study)
    rates = [trial.params["learning_rate"] for trial in study.trials]
    assert len(set(rates)) == 4  # the second call does not propose again what the first began with
    assert set(study.trials[0].params) == set(SEARCHED) - {"epochs"}
    assert more.best_loss == min(trial.value for trial in study.trials if trial.state == TrialState.COMPLETE)
    assert set(more.best) == set(study.trials[0].params)

    children = _children(tracker, more.run_id)
    assert Counter(run.info.status for run in children) == {"FINISHED": 4}
    assert {run.data.tags["trial"] for run in children} == {"0", "1", "2", "3"}
    assert all("learning_rate" in run.data.params for run in children)
    parent = tracker.client.get_run(more.run_id)
    assert parent.info.status == "FINISHED" and parent.data.metrics["best_loss"] == pytest.approx(more.best_loss)


def test_an_interruption_leaves_the_study_to_be_resumed(
    tracker: Tracker, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, real = _settings(tmp_path, n_trials=3), search_module.fit

    def interrupted(*arguments: Any) -> Any:
        if len(progress.begun) == 2:
            raise KeyboardInterrupt
        return real(*arguments)

    progress = Silent()
    with monkeypatch.context() as broken:
        broken.setattr(search_module, "fit", interrupted)
        with pytest.raises(KeyboardInterrupt):
            search(settings, prepared, tracker, progress)
    outcome = search(settings, prepared, tracker, progress)
    assert outcome.done + outcome.pruned == 3 and outcome.failed == 0
    states = [trial.state for trial in _study(settings, outcome.study).trials]
    assert len(states) == 4 and states[1] == TrialState.FAIL
    runs = {run.data.tags["trial"]: run for run in _children(tracker, outcome.run_id)}
    assert runs["1"].info.status == "KILLED" and runs["1"].data.tags["trial_state"] == "interrupted"
    assert runs["2"].info.status == "FINISHED"
    assert tracker.client.get_run(outcome.run_id).info.status == "FINISHED"


def test_a_pruned_and_a_diverged_trial_are_called_so_and_not_run_again(
    tracker: Tracker, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = search_module.fit

    def uneven(prepared: Prepared, recipe: Any, observer: Any) -> Any:
        if len(progress.begun) == 2:
            raise Diverged("no number")
        return real(prepared, recipe, observer)

    progress = Silent()
    settings = _settings(tmp_path, n_trials=3)
    with monkeypatch.context() as changed:
        changed.setattr(search_module, "fit", uneven)
        changed.setattr(optuna.Trial, "should_prune", lambda self: self.number == 2)
        outcome = search(settings, prepared, tracker, progress)
    assert (outcome.done, outcome.pruned, outcome.failed) == (1, 1, 1)
    assert search(settings, prepared, tracker, progress) == outcome
    runs = {run.data.tags["trial"]: run for run in _children(tracker, outcome.run_id)}
    assert [(runs[trial].info.status, runs[trial].data.tags["trial_state"]) for trial in "012"] == [
        ("FINISHED", "complete"),
        ("FAILED", "diverged"),
        ("FINISHED", "pruned"),
    ]


def test_a_worse_trial_is_pruned_by_the_median(tracker: Tracker, prepared: Prepared, tmp_path: Path) -> None:
    """Five trials that did well, then one whose rate is far too low to learn anything."""
    # 60 rows in batches of 7: nine steps an epoch, so that tenths fall between them
    settings = _settings(tmp_path, n_trials=6, epochs=1.3, study_name="median", learning_rate=1e-9, batch_size=7)
    about = search_module.describe(settings, prepared)
    study = SharedStudy(settings, about).study
    for _ in range(5):
        trial = study.ask()
        for tenth in range(1, 11):
            trial.report(0.05, tenth)
        trial.set_user_attr("accuracy", 0.9)
        study.tell(trial, 0.05)
    outcome = search(settings, prepared, tracker, Silent())
    assert (outcome.done, outcome.pruned) == (5, 1)
    run = _children(tracker, outcome.run_id)[0]
    assert run.data.tags["trial_state"] == "pruned"
    reported = _study(settings, "median").trials[5].intermediate_values
    assert list(reported) == [1, 2, 3]


def test_given_settings_are_not_searched(tmp_path: Path) -> None:
    assert searched(_settings(tmp_path)) == ("learning_rate", "batch_size", "warmup_share", "weight_decay")
    everything = {"learning_rate": 1e-3, "batch_size": 4, "warmup_share": 0.1, "weight_decay": 0.0}
    with pytest.raises(SearchError, match="are all set, so there is nothing to search"):
        searched(_settings(tmp_path, **everything))


def test_another_question_is_another_search(tracker: Tracker, prepared: Prepared, tmp_path: Path) -> None:
    one, two = _settings(tmp_path), _settings(tmp_path, batch_size=4)
    names = [study_name(item, search_module.describe(item, prepared)) for item in (one, two)]
    assert names[0] != names[1] and names[0].startswith("scratch-tiny-60-rows-")
    named = _settings(tmp_path, study_name="mine")
    SharedStudy(named, search_module.describe(named, prepared))
    other = _settings(tmp_path, study_name="mine", batch_size=4)
    with pytest.raises(
        SearchError, match=r"'mine' was started with other settings \(searched .*; set another STUDY_NAME"
    ):
        search(other, prepared, tracker, Silent())


@pytest.mark.parametrize("uri", ["nonsense", "postgresql://u:secret@127.0.0.1:9/db", "sqlite:///{}/folder"])
def test_a_database_that_cannot_be_used_is_named(uri: str, prepared: Prepared, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    settings = _settings(tmp_path, study_uri=uri.format(tmp_path))
    with pytest.raises(SearchError, match=r"STUDY_URI .* cannot be used") as caught:
        SharedStudy(settings, search_module.describe(settings, prepared))
    assert "secret" not in str(caught.value)
