"""Publish a finished release from a folder, such as one that a training has kept because the store was full."""

from dataclasses import dataclass
from pathlib import Path

from model_release import ReleaseStore
from training_job.kept import manifest_of, remove_kept
from training_job.settings import PublishSettings
from training_job.tracking.registry import RegistryError, register


@dataclass(frozen=True, slots=True)
class Publication:
    """A published release.

    Attributes:
        removed: whether the folder is gone, because a training had kept the release there.
        registry_version: the MLflow version with the alias `challenger`; None with `registry_problem`, and without an
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
        StoreFull, StoreUnreachable: the store cannot be written; the folder is left as it is.
    """
    manifest = manifest_of(folder)
    store = ReleaseStore(settings.releases_uri)
    release_id = store.publish(folder, manifest)
    uri = store.uri(manifest.name, release_id)
    version, problem = None, None
    if settings.registry_uri is not None:
        try:
            version = register(settings.registry_uri, manifest.name, uri, release_id, manifest.mlflow_run_id)
        except RegistryError as error:
            problem = str(error)
    removed = problem is None and remove_kept(folder, release_id)
    return Publication(folder, removed, release_id, uri, version, problem)
