"""WORK_DIR or the store is full: real small file systems, at each stage of a training."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kit.release_inputs import release_inputs
from kit.small_disk import fill, small_disk
from kit.training_runs import files, make_progress, make_settings, no_settings_from_outside, statuses, threads_kept
from mlflow import MlflowClient

from model_release import ReleaseStore
from model_release.errors import StoreFull
from training_job import pipeline
from training_job.build.release import build_release
from training_job.kept import ReleaseKept, release_kept
from training_job.pipeline import train
from training_job.publish import publish
from training_job.settings import PublishSettings
from training_job.workspace import WorkDirFull, full_named, space_of

__all__ = ["files", "no_settings_from_outside", "threads_kept"]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 MB."""
    with small_disk(tmp_path / "disk", 64) as folder:
        yield folder


@pytest.mark.parametrize(
    ("stage", "leave"),
    [("export", 0), ("export", 100_000), ("quantise to int8", 0), ("quantise to int8", 50_000), ("describe", 0)],
)
def test_a_work_dir_that_fills_up_is_named_at_each_stage(disk: Path, tmp_path: Path, stage: str, leave: int) -> None:
    inputs = release_inputs(
        tmp_path / "inputs", work_dir=disk / "work", on_stage=lambda name, _: name == stage and fill(disk, leave)
    )
    needed = space_of(inputs.model)
    with pytest.raises(WorkDirFull) as caught, full_named(disk / "work", needed):
        build_release(inputs)
    assert str(caught.value).startswith(f"WORK_DIR {disk / 'work'} is full: ")
    assert str(caught.value).endswith(
        "MB are free and a release of this base takes about 11 MB; free some space or set another WORK_DIR"
    )
    assert caught.value.exit_code == 2


def test_a_failure_with_space_left_is_not_blamed_on_the_disk(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="another cause"), full_named(tmp_path, 1):
        raise ValueError("another cause")


@pytest.mark.parametrize("place", ["work_dir", "releases_uri"])
def test_too_little_space_is_found_before_the_training(
    place: str, tmp_path: Path, files: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "fit", lambda *_: pytest.fail("it trained"))
    with small_disk(tmp_path / "small", 4) as small:
        settings = make_settings(tmp_path, files, mlflow_tracking_uri="none", **{place: str(small / "deep/folder")})
        expected = WorkDirFull if place == "work_dir" else StoreFull
        with pytest.raises(expected, match=r"small/deep/folder .*\b[45] MB .*free.* takes about 12 MB; free .*space"):
            train(settings.model_copy(update={"work_dir": Path(settings.work_dir)}), make_progress(tmp_path))


def test_a_disk_that_holds_work_dir_and_store_needs_space_for_both(
    tmp_path: Path, files: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "fit", lambda *_: pytest.fail("it trained"))
    with small_disk(tmp_path / "small", 18) as small:  # enough for one release of 12 MB
        settings = make_settings(
            tmp_path, files, mlflow_tracking_uri="none", work_dir=small / "work", releases_uri=str(small / "releases")
        )
        with pytest.raises(
            StoreFull, match=r"small/releases .*\b1[789] MB free.*takes about 2[34] MB .*small/work"
        ) as caught:
            train(settings, make_progress(tmp_path))
        assert str(caught.value).endswith(
            "free space there (old releases), or set RELEASES_URI or WORK_DIR to another disk"
        )


class _Filling:
    """Progress that fills a disk when a stage begins."""

    def __init__(self, progress: Any, stage: str, disk: Path, leave: int) -> None:
        self._progress, self._stage, self._disk, self._leave = progress, stage, disk, leave

    def __getattr__(self, name: str) -> Any:
        return getattr(self._progress, name)

    def __enter__(self) -> "_Filling":
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.end()

    def begin(self, what: str, total: int | None = None) -> None:
        if what == self._stage:
            fill(self._disk, self._leave)
        self._progress.begin(what, total)


def test_a_release_that_the_store_has_no_space_for_is_kept_and_published_later(
    disk: Path, tmp_path: Path, files: tuple[str, str]
) -> None:
    settings = make_settings(tmp_path, files, epochs=0.2, releases_uri=str(disk / "releases"))
    progress: Any = _Filling(make_progress(tmp_path), "publish", disk, 300_000)
    with pytest.raises(ReleaseKept) as caught:
        train(settings, progress)
    message = str(caught.value)
    (kept,) = (tmp_path / "work").iterdir()
    assert f"publishing to {disk}/releases failed: the store is full (OSError: [Errno 28]" in message
    assert "free space there (old releases) or raise its quota. The finished release is kept in" in message
    assert f"publish it later: sentiment publish {kept} (with --cluster after" in message
    assert "redential" not in message
    assert caught.value.exit_code == 2 and statuses(tmp_path) == ["FAILED"]
    assert not list((disk / "releases/sentiment").rglob("*.*"))  # no parts

    (disk / "filler").unlink()
    done = publish(
        PublishSettings(releases_uri=settings.releases_uri, mlflow_tracking_uri=settings.mlflow_tracking_uri), kept
    )
    store = ReleaseStore(settings.releases_uri)
    assert store.list_releases("sentiment") == [done.release_id] and kept.name == f"kept-{done.release_id}"
    assert done.removed and not kept.exists()
    challenger = MlflowClient(settings.mlflow_tracking_uri).get_model_version_by_alias("sentiment", "challenger")
    assert (str(challenger.version), challenger.tags["release_id"]) == (done.registry_version, done.release_id)
    assert challenger.run_id == store.manifest("sentiment", done.release_id).mlflow_run_id


def test_a_kept_release_is_removed_once_a_later_training_publishes_it(tmp_path: Path) -> None:
    manifest: Any = SimpleNamespace(release_id="abcd", canonical=lambda: b"{}")
    for number, outcome in enumerate((StoreFull("the store is full"), None)):
        built = tmp_path / f"built-{number}"
        (built / "serving").mkdir(parents=True)
        with contextlib.suppress(ReleaseKept), release_kept(built, manifest, tmp_path):
            if outcome:
                raise outcome
        assert (tmp_path / "kept-abcd").exists() == bool(outcome)
