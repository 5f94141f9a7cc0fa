"""Finished releases that could not be published, each in a folder `kept-ID` of WORK_DIR."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from model_release import Manifest, ReleaseCorrupt, ReleaseError
from model_release.folder import ReleaseFolder
from model_release.manifest import MANIFEST, SERVING_MANIFEST
from training_job.errors import TrainingError

KEPT = "kept-"


class ReleaseKept(TrainingError):
    """A finished release could not be published, and is kept in WORK_DIR."""


def kept_releases(work_dir: Path) -> list[Path]:
    """List the folders of kept releases."""
    return sorted(work_dir.glob(f"{KEPT}*"))


def manifest_of(folder: Path) -> Manifest:
    """Read the manifest of a finished release.

    Raises:
        ReleaseCorrupt: the manifest is missing or damaged; the message names kept releases beside the folder.
    """
    try:
        return ReleaseFolder(folder).manifest()
    except ReleaseCorrupt as error:
        beside = ", ".join(str(kept) for kept in kept_releases(folder.parent) if kept != folder)
        such = f", such as {beside}" if beside else ""
        raise ReleaseCorrupt(f"{error}; give the folder of a finished release{such}") from None


def remove_kept(folder: Path, release_id: str) -> bool:
    """Remove the folder of a published release if a training kept it there; return whether the folder is gone."""
    if folder.absolute().name == f"{KEPT}{release_id}":
        shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


@contextmanager
def release_kept(folder: Path, manifest: Manifest, work_dir: Path) -> Iterator[None]:
    """Keep a finished release that cannot be published, with its manifests, in WORK_DIR.

    After a success, a release that an earlier training kept under the same id is removed.

    Raises:
        ReleaseKept: in place of the store's error; the message holds the command that publishes the release later.
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
        except OSError:  # the first error is the cause
            raise error from None
        if not isinstance(error, ReleaseError):
            raise
        raise ReleaseKept(
            f"{error}. The finished release is kept in {kept}; publish it later: sentiment publish {kept} "
            "(with --cluster after a training in a cluster)"
        ) from error
