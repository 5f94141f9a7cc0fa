"""A release on disk: the whole release, or its `serving/` folder alone, as KServe's initialiser downloads it."""

from pathlib import Path

from model_release.errors import ReleaseCorrupt, ReleaseError
from model_release.manifest import MANIFEST, SERVING, EngineVariant, Manifest, verify_files


def parts_of(entry: EngineVariant) -> tuple[str, ...]:
    """Return the prefixes of the paths needed to serve a variant: `serving/`, and the variant's folder."""
    return (SERVING,) if entry.path.startswith(SERVING) else (SERVING, f"{entry.path}/")


class ReleaseFolder:
    """Paths of a release's files, whether `path` is the release's root or its `serving/` folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._is_root = (path / SERVING).is_dir()

    def file(self, name: str) -> Path:
        """Return the local path of a file or folder that the manifest names."""
        return self.path / (name if self._is_root else name.removeprefix(SERVING))

    @property
    def tokenizer(self) -> Path:
        return self.file(f"{SERVING}tokenizer.json")

    @property
    def golden(self) -> Path:
        return self.file(f"{SERVING}golden.json")

    def holds(self, entry: EngineVariant) -> bool:
        """Whether the variant's files are in this folder, or are a part of `serving/`."""
        return entry.path.startswith(SERVING) or (self.path / entry.path).is_dir()

    def manifest(self, expect_id: str | None = None) -> Manifest:
        """Read the release's manifest.

        Raises:
            ReleaseCorrupt: the manifest is missing or damaged, or its id differs from `expect_id`.
        """
        file = self.path / MANIFEST
        try:
            manifest = Manifest.parse(file.read_bytes(), str(file))
        except OSError as error:
            problem = f"{file} cannot be read ({error.strerror}): {self.path} is not a whole release"
            raise ReleaseCorrupt(problem) from None
        if expect_id and manifest.release_id != expect_id:
            raise ReleaseCorrupt(f"{self.path} holds release {manifest.release_id}, expected {expect_id}")
        return manifest

    def verify(self, manifest: Manifest, variant: str) -> None:
        """Compare the files needed to serve a variant with the manifest.

        Raises:
            ReleaseCorrupt: a file is missing or differs.
            ReleaseError: the variant is outside `serving/`, and this folder is `serving/` alone.
        """
        entry = manifest.variants[variant]
        if not self._is_root and not entry.path.startswith(SERVING):
            raise ReleaseError(f"variant {variant!r} is outside serving/; fetch the release's {entry.path}/ too")
        files = [file for file in manifest.files if file.path.startswith(parts_of(entry))]
        verify_files(self.path, files, "" if self._is_root else SERVING)
