"""Checkpoints are whole or left out, belong to one training, and never stop it."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from training_job.fit import checkpoint
from training_job.fit.checkpoint import ABANDONED_SECONDS, Checkpoints

ABOUT = {"learning_rate": 2e-4, "rows": "abc", "bf16": True}
TENSORS = {"network.a": torch.arange(6.0).view(2, 3), "optimiser.0.step": torch.tensor(7.0)}


class Place:
    """Checkpoints in a folder, and the lines that they print."""

    def __init__(self, folder: Path, about: dict[str, Any] = ABOUT, every: int = 10) -> None:
        self.lines: list[str] = []
        self.checkpoints = Checkpoints(folder, about, every, say=self.lines.append)

    def save(self, step: int) -> bool:
        return self.checkpoints.save(step, {"step": step, "loss": 0.1 + 0.2}, TENSORS)

    @property
    def found(self) -> int | None:
        return self.checkpoints.found.step if self.checkpoints.found else None


def _files(folder: Path) -> list[int]:
    return sorted(int(path.stem.rsplit("-", 1)[1]) for path in folder.glob("*.safetensors"))


def test_what_was_saved_is_found(tmp_path: Path) -> None:
    first = Place(tmp_path / "new/folder")
    assert first.found is None and first.lines == []
    first.checkpoints.run_id = "run-1"
    assert first.save(10)
    found = Place(tmp_path / "new/folder").checkpoints.found
    assert found is not None
    assert (found.step, found.run_id, found.record) == (10, "run-1", {"step": 10, "loss": 0.1 + 0.2})
    tensors = found.tensors()
    assert set(tensors) == set(TENSORS) and all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)


def test_the_last_two_are_kept_and_the_newest_counts(tmp_path: Path) -> None:
    place = Place(tmp_path)
    for step in (0, 10, 20, 30):
        assert place.save(step)
    assert _files(tmp_path) == [20, 30] and Place(tmp_path).found == 30
    assert [step for step in range(31) if place.checkpoints.due(step)] == [0, 10, 20, 30]
    place.checkpoints.clear()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("keep", [0, 4, 200, -1])
def test_a_cut_file_is_left_out_and_the_one_before_it_counts(keep: int, tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.save(10)
    place.save(20)
    last = max(tmp_path.iterdir())
    last.write_bytes(last.read_bytes()[:keep])
    later = Place(tmp_path)
    assert later.found == 10 and f"{last} is not whole" in later.lines[0]
    later.save(15)
    assert _files(tmp_path) == [10, 15]


def test_a_file_whose_writer_was_killed_is_no_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(tmp_path)
    place.save(10)

    class Kill(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Kill

    monkeypatch.setattr(checkpoint.Path, "unlink", lambda *_, **__: None)
    monkeypatch.setattr(checkpoint, "_flush", killed)
    with pytest.raises(Kill):
        place.save(20)
    monkeypatch.undo()
    assert len(list(tmp_path.glob(".*.part"))) == 1
    later = Place(tmp_path)
    assert later.found == 10 and later.lines == []


def test_a_checkpoint_of_another_training_is_not_used(tmp_path: Path) -> None:
    Place(tmp_path).save(10)
    other = Place(tmp_path, ABOUT | {"learning_rate": 1e-4})
    assert other.found is None
    assert (
        "is of another training (learning_rate 0.0002 there, 0.0001 here); this one starts from the beginning"
        in other.lines[0]
    )
    other.save(0)
    other.checkpoints.clear()
    assert Place(tmp_path).found == 10  # two trainings may share a folder


def test_abandoned_checkpoints_are_removed_after_a_day(tmp_path: Path) -> None:
    Place(tmp_path).save(10)
    (old,) = tmp_path.iterdir()
    (tmp_path / ".x.safetensors.1.part").write_text("")
    for path in tmp_path.iterdir():
        os.utime(path, (0, path.stat().st_mtime - ABANDONED_SECONDS - 1))
    (tmp_path / "notes.txt").write_text("kept")
    other = Place(tmp_path, ABOUT | {"rows": "def"})
    other.save(0)
    assert not old.exists() and len(list(tmp_path.glob("*"))) == 2 and not list(tmp_path.glob(".*"))


def test_a_full_disk_is_reported_once_and_again_after_it_worked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(tmp_path)
    assert place.save(10)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint, "_flush", full)
    assert not place.save(20) and not place.save(30)
    assert len(place.lines) == 1 and "(No space left on device); the training continues without them" in place.lines[0]
    monkeypatch.undo()
    assert place.save(40) and _files(tmp_path) == [10, 40]
    assert list(tmp_path.glob(".*")) == []
    monkeypatch.setattr(checkpoint, "_flush", full)
    assert not place.save(50) and len(place.lines) == 2


def test_a_path_that_is_not_a_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    place = Place(tmp_path / "file")
    assert place.found is None
    assert not place.save(0)
    assert any("cannot be written" in line or "cannot be read" in line for line in place.lines)
    place.checkpoints.clear()
