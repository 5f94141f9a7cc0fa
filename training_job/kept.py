"""Finished releases in WORK_DIR that could not be published."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from model_release import Manifest, ReleaseError
from model_release.manifest import MANIFEST, SERVING_MANIFEST
from training_job.errors import TrainingError

KEPT = "kept-"


class ReleaseKept(TrainingError):
    """A finished release could not be published; it lies in WORK_DIR."""


@contextmanager
def release_kept(folder: Path, manifest: Manifest, work_dir: Path) -> Iterator[None]:
    """Keep a finished release when it cannot be published, with its manifests, beside the trainings' own folders.

    A release that a training before this one kept under the same id is removed once it is published.

    Raises:
        ReleaseKept: in place of the store's error, with the command that publishes the release later.
    """
    kept = work_dir / f"{KEPT}{manifest.release_id}"
    try:
        yield
        shutil.rmtree(kept, ignore_errors=True)
    except BaseException as error:
        try:
            for name in (MANIFEST, SERVING_MANIFEST):
                (folder / name).write_bytes(manifest.canonical())
            if not kept.exists():
                folder.rename(kept)
        except OSError:  # the first error says more
            raise error from None
        if not isinstance(error, ReleaseError):
            raise
        raise ReleaseKept(
            f"{error}. The finished release is kept in {kept}; when the store takes it: sentiment publish {kept}"
        ) from error
