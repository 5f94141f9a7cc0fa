"""Small trainings for tests: rows in files, settings for a few seconds, and MLflow's record of them."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kit.factories import make_texts


@pytest.fixture(scope="module", autouse=True)
def threads_kept() -> Iterator[None]:
    """Restore torch's threads, which trainings set for the whole process."""
    import torch

    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    from training_job.settings import TrainSettings

    for field in TrainSettings.model_fields.values():
        monkeypatch.delenv(str(field.validation_alias), raising=False)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Return the files of `make_files`."""
    return make_files(tmp_path_factory.mktemp("rows"))


def write_rows(path: Path, texts: list[str], labels: Any) -> str:
    """Write a CSV with `text,label`; return its path."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("text", "label"))
        writer.writerows(zip(texts, ("neg" if label == 0 else "pos" for label in labels), strict=True))
    return str(path)


def make_files(folder: Path) -> tuple[str, str]:
    """Write training rows, five of which are in the test set too, and the test rows."""
    texts, labels = make_texts(140, 1)
    test_texts, test_labels = make_texts(60, 2)
    train = write_rows(folder / "train.csv", texts + test_texts[:5], [*labels, *test_labels[:5]])
    return train, write_rows(folder / "test.csv", test_texts, test_labels)


def make_settings(folder: Path, files: tuple[str, str | None], **changes: Any) -> Any:
    """Return the `TrainSettings` of a training of 48 steps whose traces all lie in `folder`."""
    from training_job.settings import TrainSettings

    values: dict[str, Any] = {
        "train_data": files[0],
        "test_data": files[1],
        "base_model": "scratch-tiny",
        "max_tokens": 32,
        "epochs": 6,
        "threads": 1,
        "releases_uri": str(folder / "releases"),
        "mlflow_tracking_uri": f"sqlite:///{folder}/mlflow.db",
        "study_uri": f"sqlite:///{folder}/optuna.db",
        "work_dir": folder / "work",
        "git_commit": "c0ffee",
    }
    return TrainSettings(**values | changes)


def make_progress(folder: Path) -> Any:
    """Return a progress that writes to `progress.txt` in the folder."""
    from rich.console import Console

    from training_job.progress import Progress

    return Progress(Console(file=(folder / "progress.txt").open("w"), width=200))


def statuses(folder: Path) -> list[str]:
    """Of each run in the folder's `mlflow.db`."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    return [run.info.status for run in client.search_runs([item.experiment_id for item in client.search_experiments()])]
