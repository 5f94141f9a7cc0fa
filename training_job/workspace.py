"""WORK_DIR: its free space, and a scratch folder for each training."""

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
    """Estimate the bytes of a network's release."""
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
    """Check before the work that WORK_DIR has space for a release.

    Raises:
        WorkDirFull: names the space that is free and the space that is needed.
    """
    free = free_bytes(folder)
    if free is not None and free < needed:
        raise _full(folder, needed)


@contextmanager
def full_named(folder: Path, needed: int) -> Iterator[None]:
    """Name a full WORK_DIR as the cause of any error: some libraries write half a file without an error, and another
    library then fails to read it.

    Raises:
        WorkDirFull: in place of an error while the disk is full.
    """
    try:
        yield
    except Exception as error:
        if not reports_full(error) and not is_full(folder):
            raise
        raise _full(folder, needed) from error


@contextmanager
def scratch(work_dir: Path) -> Iterator[Path]:
    """Make a folder for this training; remove the folders of killed trainings after a day."""
    work_dir.mkdir(parents=True, exist_ok=True)
    for left in work_dir.glob(f"{SCRATCH}*"):
        with contextlib.suppress(FileNotFoundError):  # of another training, which has just ended
            if time.time() - left.stat().st_mtime > ABANDONED_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=work_dir) as folder:
        yield Path(folder)
