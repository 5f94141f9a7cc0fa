"""A run's status is that of the work; MLflow going away in the middle stops nothing and loses nothing."""

import signal
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from training_job.tracking.registry import RegistryError
from training_job.tracking.run import Run, Tracker, system_figures


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Tracker:
    return Tracker(f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/deep/mlflow.db", "tests")


def _data(tracker: Tracker, run: Run) -> Any:
    return tracker.client.get_run(run.run_id)


def test_a_run_holds_what_was_logged_and_is_finished(tracker: Tracker, tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(b"png")
    with tracker.run("first", tags={"model": "sentiment"}) as run:
        assert _data(tracker, run).info.status == "RUNNING"
        run.parameters({"epochs": 3, "long": "x" * 9000, "nothing": None})
        run.metrics({"loss": 0.5, "broken": float("nan")}, 1)
        run.metrics({"loss": 0.25}, 2)
        run.artifact(picture, "plots")
    found = _data(tracker, run)
    assert found.info.status == "FINISHED" and found.info.run_name == "first"
    assert found.data.params["epochs"] == "3" and len(found.data.params["long"]) == 500
    assert found.data.metrics == {"loss": 0.25}
    assert [item.value for item in tracker.client.get_metric_history(run.run_id, "loss")] == [0.5, 0.25]
    assert found.data.tags["model"] == "sentiment"
    assert [item.path for item in tracker.client.list_artifacts(run.run_id, "plots")] == ["plots/a.png"]
    assert (
        "mlartifacts" in found.info.artifact_uri
        and str(Path(tracker.tracking_uri).parent)[-4:] in found.info.artifact_uri
    )


@pytest.mark.parametrize(
    ("raised", "status"),
    [
        (ValueError("x"), "FAILED"),
        (MemoryError(), "FAILED"),
        (KeyboardInterrupt(), "KILLED"),
        (SystemExit(128 + signal.SIGTERM), "KILLED"),
    ],
)
def test_the_status_is_that_of_the_work(tracker: Tracker, raised: BaseException, status: str) -> None:
    with pytest.raises(type(raised)), tracker.run("ends") as run:
        run.metrics({"loss": 1.0})
        raise raised
    found = _data(tracker, run)
    assert found.info.status == status and found.info.end_time
    assert found.data.metrics == {"loss": 1.0}


def test_the_work_may_set_its_status_itself(tracker: Tracker) -> None:
    with tracker.run("diverged") as run:
        run.status = "FAILED"
    assert _data(tracker, run).info.status == "FAILED"


def test_runs_have_a_parent_and_are_resumed(tracker: Tracker) -> None:
    with tracker.run("parent") as parent, tracker.run("child", parent=parent.run_id) as child:
        pass
    assert _data(tracker, child).data.tags["mlflow.parentRunId"] == parent.run_id
    with tracker.run("parent", resume=parent.run_id) as again:
        assert again.run_id == parent.run_id
        assert _data(tracker, again).info.status == "RUNNING"
    assert _data(tracker, again).info.status == "FINISHED"
    with tracker.run("other", resume="0" * 32) as fresh:
        assert fresh.run_id != "0" * 32


def test_a_run_whose_process_is_gone_is_called_killed(tracker: Tracker) -> None:
    run = tracker._new("cut off", {}, None)
    tracker.close_stale(run.run_id)
    assert _data(tracker, run).info.status == "KILLED"
    with tracker.run("done") as done:
        pass
    tracker.close_stale(done.run_id)
    assert _data(tracker, done).info.status == "FINISHED"
    tracker.close_stale("0" * 32)


def test_mlflow_going_away_is_reported_once_and_its_metrics_arrive_later(
    tracker: Tracker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def gone(*_: object, **__: object) -> None:
        calls.append(1)
        raise ConnectionError("connection refused\nby peer")

    calls: list[int] = []
    with tracker.run("patient") as run:
        with monkeypatch.context() as broken:
            broken.setattr(tracker.client, "log_batch", gone)
            for step in range(5):
                run.metrics({"loss": 1.0 / (step + 1)}, step)
                run.flush()
        assert len(calls) == 1  # it is not asked again at once: each time may cost a time-out
        assert caplog.text.count("connection refused") == 1 and "by peer" not in caplog.text
    history = tracker.client.get_metric_history(run.run_id, "loss")
    assert [item.step for item in history] == [0, 1, 2, 3, 4]


def test_more_metrics_than_a_call_takes_arrive(tracker: Tracker) -> None:
    with tracker.run("many") as run:
        for step in range(2001):
            run.metrics({"loss": 1.0}, step)
    assert len(tracker.client.get_metric_history(run.run_id, "loss")) == 2001


def test_system_figures_are_noted_while_the_work_runs(tracker: Tracker) -> None:
    with tracker.run("system") as run, system_figures(run, seconds=0.02):
        time.sleep(0.1)
    found = _data(tracker, run).data.metrics
    assert found["system/rss_mib"] > 10 and found["system/threads"] >= 2
    assert {"system/cpu_percent", "system/load", "system/memory_available_mib"} <= set(found)


def test_a_system_that_hides_a_figure_costs_no_training(tracker: Tracker, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> None:
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil.Process, "memory_info", denied)
    with tracker.run("hidden") as run, system_figures(run, seconds=60):
        run.metrics({"loss": 0.5})
    found = _data(tracker, run)
    assert found.info.status == "FINISHED" and found.data.metrics == {"loss": 0.5}


def test_an_unreachable_mlflow_and_a_deleted_experiment_are_named(tracker: Tracker) -> None:
    with pytest.raises(RegistryError, match=r"MLflow at http://127\.0\.0\.1:9 failed .*MLFLOW_TRACKING_URI") as caught:
        Tracker("http://127.0.0.1:9", "tests")
    assert caught.value.exit_code == 2
    gone = Tracker(tracker.tracking_uri, "gone")
    gone.client.delete_experiment(gone.experiment_id)
    with pytest.raises(RegistryError, match="'gone' was deleted; restore it or set MLFLOW_EXPERIMENT"):
        Tracker(tracker.tracking_uri, "gone")
