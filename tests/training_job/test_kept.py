"""Releases that a training has kept in WORK_DIR: named in messages, and removed once they are published."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from kit.training_runs import make_progress, make_settings, no_settings_from_outside

from model_release import ReleaseCorrupt, ReleaseStore
from model_release.manifest import MANIFEST
from training_job import pipeline
from training_job.errors import DataError
from training_job.publish import publish
from training_job.settings import PublishSettings
from training_job.tracking import registry
from training_job.tracking.registry import RegistryError
from training_job.workspace import WorkDirFull, check_space

__all__ = ["no_settings_from_outside"]


@pytest.fixture
def kept(tiny_release: tuple[str, str], tmp_path: Path) -> Path:
    """A kept release in `work`, beside a folder without a manifest."""
    store, release_id = tiny_release
    folder = tmp_path / "work" / f"kept-{release_id}"
    shutil.copytree(Path(store) / "sentiment/releases" / release_id, folder)
    (folder.parent / "kept-part").mkdir()
    return folder


def _settings(folder: Path, **changes: Any) -> PublishSettings:
    return PublishSettings(**{"releases_uri": str(folder / "releases"), "mlflow_tracking_uri": "none"} | changes)


def test_a_training_names_kept_releases(kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_rows(_: object) -> None:
        raise DataError("no rows")

    monkeypatch.setattr(pipeline, "read_parts", no_rows)
    with pytest.raises(DataError):
        pipeline.train(make_settings(tmp_path, ("rows.csv", None)), make_progress(tmp_path))
    names = ", ".join(map(str, sorted([kept, kept.parent / "kept-part"])))
    assert (
        f"not published yet: {names}; publish each with `sentiment publish`" in (tmp_path / "progress.txt").read_text()
    )


def test_publishing_removes_the_folder(kept: Path, tmp_path: Path) -> None:
    done = publish(_settings(tmp_path), kept)
    assert (kept.name, done.removed, kept.exists()) == (f"kept-{done.release_id}", True, False)
    assert ReleaseStore(str(tmp_path / "releases")).manifest("sentiment", done.release_id)


def test_a_folder_of_another_name_stays(kept: Path, tmp_path: Path) -> None:
    mine = kept.rename(tmp_path / "mine")
    assert not publish(_settings(tmp_path), mine).removed and (mine / MANIFEST).exists()


def test_the_folder_stays_if_registering_failed(kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> str:
        raise RegistryError("MLflow does not answer")

    monkeypatch.setattr(registry, "register", fails)
    done = publish(_settings(tmp_path, mlflow_tracking_uri="http://mlflow.invalid"), kept)
    assert (done.removed, done.registry_problem, kept.exists()) == (False, "MLflow does not answer", True)


def test_an_error_for_a_wrong_folder_names_the_kept_ones(kept: Path, tmp_path: Path) -> None:
    with pytest.raises(ReleaseCorrupt, match="No such file") as caught:
        publish(_settings(tmp_path), kept.parent / "kept-wrong")
    assert str(caught.value).endswith(f", such as {', '.join(map(str, sorted([kept, kept.parent / 'kept-part'])))}")


def test_a_full_work_dir_names_kept_releases(kept: Path) -> None:
    names = ", ".join(sorted([kept.name, "kept-part"]))
    with pytest.raises(WorkDirFull) as caught:
        check_space(kept.parent, 1 << 60)
    assert f"; publish or remove the kept releases there ({names}), free some space or set another" in str(caught.value)
