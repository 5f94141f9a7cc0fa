"""Numbered checkpoints of one training in a folder: written whole or not at all, the last two kept."""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from sentiment_common.errors import first_line

KEPT = 2
ABANDONED_SECONDS = 86_400  # age at which another training's checkpoint is removed
_FORMAT = "1"  # incremented when tensors or records change their names
_SUFFIX = ".safetensors"

Fact = str | int | float | bool | None
Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Snapshot:
    """A checkpoint in a file, whose tensors are read on request.

    Attributes:
        record: everything but the tensors, as JSON.
        run_id: the MLflow run that wrote it.
        saved: time of writing, in UTC.
    """

    step: int
    record: dict[str, Any]
    run_id: str | None
    saved: datetime
    _path: Path

    def tensors(self) -> Tensors:
        """Read the tensors by name, each into newly allocated memory: alignment may change a kernel's last digits."""
        with safe_open(self._path, framework="pt") as file:
            return {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118 - not a mapping


def _read(path: Path) -> tuple[Snapshot, dict[str, Fact]]:
    """Read a checkpoint and the identity of its training.

    Raises:
        OSError, SafetensorError, ValueError, KeyError: the file is not a whole checkpoint.
    """
    with safe_open(path, framework="pt") as file:  # refuses a file that is shorter or longer than its header states
        header = file.metadata() or {}
    if header.get("format") != _FORMAT:
        raise ValueError("it has another format")
    saved = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    snapshot = Snapshot(int(header["step"]), json.loads(header["record"]), header["run_id"] or None, saved, path)
    return snapshot, json.loads(header["about"])


class Checkpoints:
    """The checkpoints of one training.

    A folder that cannot be read or written, or a full disk, stops no training: it is reported once, and again after a
    success in between.

    Attributes:
        found: the newest whole checkpoint of this training at its start.
        run_id: the MLflow run that later checkpoints name.
        held: a context that delays signals until the state is whole.
        say: prints a line.
    """

    def __init__(
        self,
        folder: Path,
        about: Mapping[str, Fact],
        every: int,
        *,
        held: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext,
        say: Callable[[str], None],
    ) -> None:
        """
        Args:
            about: identity of the training; a checkpoint with another identity is of another training.
            every: steps from one checkpoint to the next.
        """
        self.folder, self.held = folder, held
        self.say = say
        self._about, self._every = dict(about), every
        self._name = hashlib.sha256(json.dumps(self._about, sort_keys=True).encode()).hexdigest()[:12]
        self._failing = False
        self.found: Snapshot | None = None
        self.run_id: str | None = None
        try:
            self.found = self._newest()
        except OSError as error:
            self._fails("read", error)

    def _own(self) -> list[Path]:
        """List this training's files, the newest first."""
        return sorted(self.folder.glob(f"{self._name}-*{_SUFFIX}"), reverse=True)

    def _newest(self) -> Snapshot | None:
        if not self.folder.exists():
            return None
        for path in self._own():
            try:
                return _read(path)[0]
            except (SafetensorError, ValueError, KeyError) as error:
                self.say(f"the checkpoint {path} is not whole ({first_line(error)}); it is ignored")
        others = set(self.folder.glob(f"*{_SUFFIX}")) - set(self._own())
        if others:
            newest = max(others, key=lambda path: path.stat().st_mtime)
            self.say(f"{newest} is of another training{self._difference(newest)}; this one starts from the beginning")
        return None

    def _difference(self, path: Path) -> str:
        try:
            about = _read(path)[1]
        except (OSError, SafetensorError, ValueError, KeyError):
            return ""
        changed = (
            f"{name} {str(about.get(name))[:20]} there, {str(value)[:20]} here"
            for name, value in self._about.items()
            if about.get(name) != value
        )
        return f" ({'; '.join(changed)})"

    def due(self, step: int) -> bool:
        """Whether a checkpoint follows this step."""
        return step % self._every == 0

    def save(self, step: int, record: Mapping[str, Any], tensors: Tensors) -> bool:
        """Write a checkpoint and remove older ones; return whether it could be written."""
        path = self.folder / f"{self._name}-{step:09d}{_SUFFIX}"
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        header = {
            "format": _FORMAT,
            "step": str(step),
            "run_id": self.run_id or "",
            "about": json.dumps(self._about),
            "record": json.dumps(record),
        }
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                save_file({name: value.detach().contiguous() for name, value in tensors.items()}, part, header)
                _flush(part)
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)
            _flush(self.folder)
            self._tidy(path)
        except (OSError, SafetensorError) as error:
            self._fails("written", error)
            return False
        self._failing = False
        return True

    def _tidy(self, newest: Path) -> None:
        own = self._own()
        keep = [path for path in own if path.name <= newest.name][:KEPT]  # later ones are not whole
        for path in (*self.folder.glob(f"*{_SUFFIX}"), *self.folder.glob(".*.part")):
            with contextlib.suppress(FileNotFoundError):  # another training tidies too
                old = time.time() - path.stat().st_mtime > ABANDONED_SECONDS
                if path not in keep and (path in own or old):
                    path.unlink()

    def _fails(self, doing: str, error: Exception) -> None:
        if not self._failing:
            reason = getattr(error, "strerror", None) or first_line(error)
            self.say(
                f"warning: checkpoints cannot be {doing} in {self.folder} ({reason}); the training continues "
                "without them. Set CHECKPOINT_DIR to a folder with space that can be written"
            )
        self._failing = True

    def clear(self) -> None:
        """Remove the checkpoints of this training after its end."""
        with contextlib.suppress(OSError):
            for path in self._own():
                path.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    """Write a file or folder through to the disk: a rename must not reach the disk before the content."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
