"""Publish a finished release from a folder, such as one that a training kept because the store was full."""

from dataclasses import dataclass
from pathlib import Path

from model_release import ReleaseStore
from training_job.kept import manifest_of, remove_kept
from training_job.settings import PublishSettings
from training_job.tracking.registry import try_register


@dataclass(frozen=True, slots=True)
class Publication:
    """A published release.

    Attributes:
        removed: whether the folder was removed, because a training had kept the release in it.
        registry_version: the MLflow version with the alias `challenger`; None with a `registry_problem` and without
            MLflow.
    """

    folder: Path
    removed: bool
    release_id: str
    release_uri: str
    registry_version: str | None
    registry_problem: str | None


def publish(settings: PublishSettings, folder: Path) -> Publication:
    """Upload the release under the model name of its manifest, and register it as the challenger.

    A folder in which a training has kept the release is then removed, unless the registration failed.

    Raises:
        ReleaseCorrupt: the folder holds no whole release.
        StoreFull, StoreUnreachable: the store cannot be written; the folder stays unchanged.
    """
    manifest = manifest_of(folder)
    store = ReleaseStore(settings.releases_uri)
    release_id = store.publish(folder, manifest)
    uri = store.uri(manifest.name, release_id)
    version, problem = try_register(settings.registry_uri, manifest.name, uri, release_id, manifest.mlflow_run_id)
    removed = problem is None and remove_kept(folder, release_id)
    return Publication(folder, removed, release_id, uri, version, problem)
