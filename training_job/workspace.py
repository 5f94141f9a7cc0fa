"""WORK_DIR: the space that a release takes there, and each training's own folder."""

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sentiment_common.disk import free_bytes, is_full, megabytes, reports_full
from training_job.errors import TrainingError
from training_job.fit.checkpoint import ABANDONED_SECONDS
from training_job.kept import kept_releases

SCRATCH = "train-"
BYTES_A_WEIGHT = 9  # fp32 for torch, fp32 and int8 for OpenVINO
BESIDE_WEIGHTS = 10 * 2**20  # card, pictures, reference, tokenizers


class WorkDirFull(TrainingError):
    """WORK_DIR has no space for the release."""


def space_of(model: Any) -> int:
    """About the bytes that the release of a network takes."""
    weights = sum(int(part.numel()) for part in model.parameters())
    return BYTES_A_WEIGHT * weights + BESIDE_WEIGHTS


def _full(folder: Path, needed: int) -> WorkDirFull:
    free = free_bytes(folder)
    known = f"{megabytes(free)} are free and " if free is not None else ""
    kept = ", ".join(release.name for release in kept_releases(folder))
    publish = f"publish or remove the kept releases there ({kept}), " if kept else ""
    return WorkDirFull(
        f"WORK_DIR {folder} is full: {known}a release of this base takes about {megabytes(needed)}; {publish}free some "
        "space or set another WORK_DIR"
    )


def check_space(folder: Path, needed: int) -> None:
    """Find a WORK_DIR that is too small before the work.

    Raises:
        WorkDirFull: it names what is free and what is needed.
    """
    free = free_bytes(folder)
    if free is not None and free < needed:
        raise _full(folder, needed)


@contextmanager
def full_named(folder: Path, needed: int) -> Iterator[None]:
    """Name WORK_DIR when it is the reason of a failure, whatever the library that wrote there made of it: some write a
    part without an error, which another then cannot read.

    Raises:
        WorkDirFull: in place of whatever a full disk led to.
    """
    try:
        yield
    except Exception as error:
        if not reports_full(error) and not is_full(folder):
            raise
        raise _full(folder, needed) from error


@contextmanager
def scratch(work_dir: Path) -> Iterator[Path]:
    """A folder for this training alone; those that killed trainings have left for a day are removed."""
    work_dir.mkdir(parents=True, exist_ok=True)
    for left in work_dir.glob(f"{SCRATCH}*"):
        with contextlib.suppress(FileNotFoundError):  # it was another training's, and has ended now
            if time.time() - left.stat().st_mtime > ABANDONED_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=work_dir) as folder:
        yield Path(folder)
