"""A training whose process is ended in any way resumes and leaves one release."""

import hashlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from kit.training_runs import files, make_progress, make_settings, no_settings_from_outside, statuses, threads_kept
from mlflow import MlflowClient

from model_release import ReleaseStore
from training_job import pipeline, workspace
from training_job.pipeline import train

ROOT = Path(__file__).resolve().parents[2]
STEPS = 8 * 30  # of 128 rows in batches of 16, thirty times

__all__ = ["files", "no_settings_from_outside", "threads_kept"]


def _start(folder: Path, files: tuple[str, str]) -> subprocess.Popen[bytes]:
    variables = os.environ | {
        "PYTHONPATH": str(ROOT),
        "TRAIN_DATA": files[0],
        "TEST_DATA": files[1],
        "BASE_MODEL": "scratch-tiny",
        "MAX_TOKENS": "32",
        "EPOCHS": "30",
        "TRAIN_THREADS": "1",
        "CHECKPOINT_DIR": str(folder / "checkpoints"),
        "CHECKPOINT_STEPS": "10",
    }
    folder.mkdir(exist_ok=True)
    with (folder / "log.txt").open("a") as log:
        return subprocess.Popen([sys.executable, "-m", "training_job", "train"], cwd=folder, env=variables, stderr=log)


def _step(folder: Path) -> int:
    files = (folder / "checkpoints").glob("*.safetensors")
    return max((int(path.stem.rsplit("-", 1)[1]) for path in files), default=-1)


def _weights(folder: Path) -> str:
    """The sha256 of the network in the folder's only release."""
    store = ReleaseStore(str(folder / "var/releases"))
    (release_id,) = store.list_releases("sentiment")
    path = folder / "var/releases/sentiment/releases" / release_id / "torch/model.safetensors"
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, files: tuple[str, str]) -> str:
    folder = tmp_path_factory.mktemp("undisturbed")
    assert _start(folder, files).wait(250) == 0
    assert list((folder / "checkpoints").iterdir()) == []  # a training that has ended needs none
    return _weights(folder)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_process_resumes_to_the_same_weights(
    number: signal.Signals, undisturbed: str, tmp_path: Path, files: tuple[str, str]
) -> None:
    for least in (40, 120):  # killed twice
        process = _start(tmp_path, files)
        try:
            limit = time.monotonic() + 200
            while _step(tmp_path) < least and process.poll() is None:
                assert time.monotonic() < limit
                time.sleep(0.02)
            process.send_signal(number)
            assert process.wait(60) == (143 if number == signal.SIGTERM else -signal.SIGKILL)
        finally:
            process.kill()
        assert least <= _step(tmp_path) < STEPS
        assert statuses(tmp_path / "var") == ["KILLED" if number == signal.SIGTERM else "RUNNING"]
    assert _start(tmp_path, files).wait(250) == 0
    assert _weights(tmp_path) == undisturbed
    log = (tmp_path / "log.txt").read_text()
    assert "Traceback" not in log
    assert len(re.findall(rf"resumes after step \d+ of {STEPS}", log)) == 2
    assert log.count("the same command resumes from the checkpoint") == (2 if number == signal.SIGTERM else 0)
    assert statuses(tmp_path / "var") == ["FINISHED"]  # the same run throughout
    client = MlflowClient(f"sqlite:///{tmp_path}/var/mlflow.db")
    (run,) = client.search_runs([item.experiment_id for item in client.search_experiments()])
    steps = {point.step for point in client.get_metric_history(run.info.run_id, "train_loss")}
    assert steps == set(range(1, STEPS + 1))  # no report is lost


@pytest.mark.parametrize("stage", ["build_release", "_record"])
def test_what_comes_after_the_fit_is_done_again_and_gives_one_release(
    stage: str, tmp_path: Path, files: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`_record` follows the publication: the same release is published twice then."""
    settings = make_settings(tmp_path, files, epochs=1, checkpoint_dir=tmp_path / "checkpoints")
    before = getattr(pipeline, stage)

    def ended(*arguments: Any, **options: Any) -> None:
        before(*arguments, **options)
        raise SystemExit(143)

    store = ReleaseStore(settings.releases_uri)
    with monkeypatch.context() as patched:
        patched.setattr(pipeline, stage, ended)
        with pytest.raises(SystemExit):
            train(settings, make_progress(tmp_path))
    assert statuses(tmp_path) == ["KILLED"]
    published = store.list_releases("sentiment")
    assert len(published) == (1 if stage == "_record" else 0)
    time.sleep(1.1)  # so that a second reading of the clock would show
    outcome = train(settings, make_progress(tmp_path))
    assert store.list_releases("sentiment") == [outcome.release_id]
    assert published in ([], [outcome.release_id])
    assert statuses(tmp_path) == ["FINISHED"] and outcome.registry_version == "1"
    assert list((tmp_path / "checkpoints").iterdir()) == [] == list((tmp_path / "work").iterdir())


def test_a_training_with_other_settings_starts_from_the_beginning(
    tmp_path: Path, files: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(*_: Any, **__: Any) -> None:
        raise SystemExit(143)

    def settings(**changes: Any) -> Any:
        return make_settings(tmp_path, files, epochs=0.2, checkpoint_dir=tmp_path / "checkpoints", **changes)

    with monkeypatch.context() as patched:
        patched.setattr(pipeline, "build_release", ended)
        with pytest.raises(SystemExit):
            train(settings(), make_progress(tmp_path))
    progress = make_progress(tmp_path)
    outcome = train(settings(seed=1), progress)
    progress.console.file.flush()
    output = (tmp_path / "progress.txt").read_text()
    assert (
        "is of another training (" in output
        and "seed 0 there, 1 here" in output
        and "starts from the beginning" in output
    )
    assert sorted(statuses(tmp_path)) == ["FINISHED", "KILLED"]
    assert ReleaseStore(str(tmp_path / "releases")).list_releases("sentiment") == [outcome.release_id]


def test_a_folder_that_cannot_be_written_costs_no_release(tmp_path: Path, files: tuple[str, str]) -> None:
    (tmp_path / "file").write_text("")
    progress = make_progress(tmp_path)
    outcome = train(make_settings(tmp_path, files, epochs=0.2, checkpoint_dir=tmp_path / "file/sub"), progress)
    progress.console.file.flush()
    assert "warning: checkpoints cannot be written in" in (tmp_path / "progress.txt").read_text()
    assert ReleaseStore(str(tmp_path / "releases")).list_releases("sentiment") == [outcome.release_id]


def test_scratch_of_a_killed_training_goes_after_a_day(tmp_path: Path) -> None:
    for name, age in (("train-old", 90_000), ("train-new", 60), ("mine", 90_000)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (0, time.time() - age))
    with workspace.scratch(tmp_path) as folder:
        assert {path.name for path in tmp_path.iterdir()} == {"train-new", "mine", folder.name}
    assert {path.name for path in tmp_path.iterdir()} == {"train-new", "mine"}
