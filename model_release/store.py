"""The store of releases, in a local folder or an S3 bucket by the same code over fsspec."""

import contextlib
import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from model_release.errors import (
    ReleaseCorrupt,
    ReleaseError,
    ReleaseMisplaced,
    ReleaseNotFound,
    StoreFull,
    StoreUnreachable,
)
from model_release.manifest import (
    ID_LENGTH,
    MANIFEST,
    SERVING,
    SERVING_MANIFEST,
    FileEntry,
    Manifest,
    invalid_field,
    sha256_of,
    verify_files,
)
from model_release.store_trouble import READING, trouble
from sentiment_common.disk import free_bytes, megabytes, on_one_disk
from sentiment_common.object_store import open_store, put_file

COMPLETING_ATTEMPTS = 3  # to upload files again that another publisher of the same release removed
_ID = re.compile(r"^([0-9a-f]{16})$")
_AUDITED = re.compile(r"^.*-([0-9a-f]{16})\.json$")


class Champion(BaseModel):
    """The promoted release, its predecessor, and by whom, when (ISO, UTC) and by which action it was promoted."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str
    previous: str | None
    who: str
    when: str
    action: str


def _filesystem(uri: str) -> tuple[Any, str]:
    try:
        return open_store(uri)
    except (ValueError, ImportError) as error:
        raise ReleaseError(
            f"RELEASES_URI {uri!r} cannot be used: {error}; give a folder or s3://bucket/prefix"
        ) from None


class ReleaseStore:
    """Releases under `<uri>/<name>/releases/<id>/`, the champion in `<uri>/<name>/champion.json`."""

    def __init__(self, uri: str) -> None:
        if not uri.strip():
            raise ReleaseError("RELEASES_URI is empty; give a folder or s3://bucket/prefix")
        self.base = uri.rstrip("/")
        self._fs, path = _filesystem(self.base)
        self._root = path.rstrip("/")
        self._local = "file" in self._fs.protocol

    @contextmanager
    def _reaching(self, doing: str) -> Iterator[None]:
        """Turn any error of a backend into one that names the store and the operation."""
        try:
            yield
        except ReleaseError:
            raise
        except Exception as error:  # s3fs raises the errors of botocore, aiohttp and the system
            raise trouble(doing, self.base, self._local, error) from error

    def _path(self, *parts: str) -> str:
        return "/".join((self._root, *parts))

    def _write(self, path: str, content: bytes | Path) -> None:
        put_file(self._fs, path, content)

    def uri(self, name: str, release_id: str) -> str:
        """Return the release's address, without a slash at the end."""
        return f"{self.base}/{name}/releases/{release_id}"

    def check_writable(self, name: str) -> None:
        """Write and remove a probe, so that a long job fails before its work if it could not publish.

        Raises:
            StoreUnreachable: the store cannot be written.
        """
        probe = self._path(name, f".probe-{uuid.uuid4().hex}")
        with self._reaching("writing to"):
            self._write(probe, b"")
            self._fs.rm_file(probe)

    def check_space(self, needed: int, work_dir: Path) -> None:
        """Check that a store in a folder has space for a release of about `needed` bytes; a bucket reports no space.

        Args:
            work_dir: where the release is built; on the store's disk it takes as many bytes again.

        Raises:
            StoreFull: names the space that is free and the space that is needed.
        """
        free = free_bytes(Path(self._root)) if self._local else None
        where, remedy = "", " or set another RELEASES_URI"
        if on_one_disk(Path(self._root), work_dir):
            needed, where = 2 * needed, f" there and in WORK_DIR {work_dir}, on the same disk"
            remedy = ", or set RELEASES_URI or WORK_DIR to another disk"
        if free is not None and free < needed:
            raise StoreFull(
                f"{self.base} has {megabytes(free)} free and a release of this base takes about {megabytes(needed)}"
                f"{where}; free space there (old releases){remedy}"
            )

    def publish(self, folder: Path, manifest: Manifest) -> str:
        """Upload a release: its files, then the serving copy of the manifest, then the root manifest.

        Publishing a release again changes nothing.

        Returns:
            The release's id.

        Raises:
            ReleaseCorrupt: the files in `folder` differ from the manifest.
            StoreFull, StoreUnreachable: the store cannot be written. The files that this call wrote are removed if
                possible; without a root manifest the release does not exist.
        """
        verify_files(folder, manifest.files)
        release_id = manifest.release_id
        root = self._path(manifest.name, "releases", release_id)
        raw = manifest.canonical()
        parts: dict[str, Path | bytes] = {entry.path: folder / entry.path for entry in manifest.files}
        parts[SERVING_MANIFEST] = raw
        with self._reaching("publishing to"):
            if self._fs.exists(f"{root}/{MANIFEST}"):
                return release_id
            written: list[str] = []
            try:
                for part in parts:
                    self._upload(root, part, parts[part], written)
                self._complete(root, parts, written)
                self._upload(root, MANIFEST, raw, written)
                self._complete(root, parts, written)
            except BaseException:
                self._remove_written(root, written)
                raise
        return release_id

    def _size(self, path: str) -> int | None:
        """Return the size of a file; None if it does not exist."""
        self._fs.invalidate_cache()
        try:
            return int(self._fs.info(path)["size"])
        except FileNotFoundError:
            return None

    def _upload(self, root: str, part: str, source: Path | bytes, written: list[str]) -> None:
        """Write one file of a release, and add its path to `written` unless it existed before."""
        path = f"{root}/{part}"
        if path not in written and self._size(path) is None:
            written.append(path)
        self._write(path, source)

    def _complete(self, root: str, parts: Mapping[str, Path | bytes], written: list[str]) -> None:
        """Upload files again that another publisher of the same release, which failed, removed meanwhile."""
        sizes = {
            part: len(source) if isinstance(source, bytes) else source.stat().st_size for part, source in parts.items()
        }
        missing: list[str] = []
        for _ in range(COMPLETING_ATTEMPTS):
            missing = [part for part, size in sizes.items() if self._size(f"{root}/{part}") != size]
            if not missing:
                return
            for part in missing:
                self._upload(root, part, parts[part], written)
        raise StoreUnreachable(
            f"{root}/{missing[0]} is missing or incomplete after its upload; check that no other program removes files "
            "there, and publish again"
        )

    def _remove_written(self, root: str, written: Sequence[str]) -> None:
        """Remove the files that a failed call wrote, unless another call published the release meanwhile.

        If the store fails again, the files stay, and the next attempt to publish overwrites them.
        """
        with contextlib.suppress(Exception):
            for path in reversed(written):  # the root manifest first, if it was written
                if path != f"{root}/{MANIFEST}" and self._size(f"{root}/{MANIFEST}") is not None:
                    return
                if self._size(path) is not None:
                    self._fs.rm_file(path)

    def list_releases(self, name: str) -> list[str]:
        """List the ids of whole releases, the newest first by their manifests."""
        found = []
        for release_id in self._names(name):
            try:
                found.append((self.manifest(name, release_id).created_at, release_id))
            except (ReleaseNotFound, ReleaseCorrupt, ReleaseMisplaced):
                continue  # unfinished, damaged, or another model's: `manifest` raises the reason
        return [release_id for _, release_id in sorted(found, reverse=True)]

    def _names(self, name: str, folder: str = "releases") -> list[str]:
        """List the names in a folder of the model, by default those of releases, whole or not."""
        with self._reaching("listing"):
            try:
                paths = self._fs.ls(self._path(name, folder), detail=False)
            except FileNotFoundError:
                return []
        return [str(path).rstrip("/").rsplit("/", 1)[-1] for path in paths]

    def release_ids(self, name: str) -> frozenset[str]:
        """Return the ids of all releases that the model has or once promoted, whole or not, without reading any.

        A release's id is computed from its manifest, which contains the model's name, so an id belongs to one model.
        """
        found = [*map(_ID.match, self._names(name)), *map(_AUDITED.match, self._names(name, "audit"))]
        return frozenset(match[1] for match in found if match)

    def manifest(self, name: str, release_id: str) -> Manifest:
        """Read a release's manifest, and check its id by the content.

        Raises:
            ReleaseNotFound: there is no root manifest.
            ReleaseCorrupt: the file is not a manifest, or has another id.
            ReleaseMisplaced: it is the manifest of another model.
        """
        source = f"{self.uri(name, release_id)}/{MANIFEST}"
        with self._reaching(READING):
            try:
                raw = self._fs.cat_file(self._path(name, "releases", release_id, MANIFEST))
            except FileNotFoundError:
                raise ReleaseNotFound(f"no release {release_id!r} of {name!r} in {self.base}") from None
        manifest = Manifest.parse(raw, source)
        if manifest.release_id != release_id:
            raise ReleaseCorrupt(f"{source} is the manifest of {manifest.release_id}: the release was changed")
        if manifest.name != name:
            raise ReleaseMisplaced(
                f"{source} is a release of the model {manifest.name!r}, copied under {name!r}; "
                f"use it as MODEL_NAME={manifest.name}, or train a release of {name!r}"
            )
        return manifest

    def resolve(self, name: str, prefix: str) -> str:
        """Return the full id that starts with `prefix` (4 or more hex digits).

        Raises:
            ReleaseNotFound: no release or several releases match; the message lists the newest ids.
            ReleaseCorrupt, ReleaseMisplaced: the only match is damaged, or another model's.
        """
        if len(prefix) == ID_LENGTH:
            return self.manifest(name, prefix).release_id
        ids = self.list_releases(name)
        found = [release_id for release_id in ids if release_id.startswith(prefix)] if len(prefix) >= 4 else []
        if not found and len(prefix) >= 4:
            for release_id in self._names(name):
                if release_id.startswith(prefix):
                    self.manifest(name, release_id)  # raises the reason why it is not listed
        if len(found) != 1:
            known = ", ".join(ids[:5]) or "none"
            problem = "names several releases" if found else "is not the start (4 digits or more) of a release's id"
            raise ReleaseNotFound(f"{prefix!r} {problem} of {name!r} in {self.base}; there are: {known}")
        return found[0]

    def fetch(
        self,
        name: str,
        release_id: str,
        dest: Path,
        only: Sequence[str] = (SERVING,),
        on_file: Callable[[FileEntry], None] | None = None,
    ) -> Path:
        """Download and verify the files whose paths start with one of `only`, to `dest/<id>/`; valid files are kept.

        Returns:
            The release's local folder, with the root manifest in it.

        Raises:
            ReleaseNotFound, ReleaseCorrupt, StoreUnreachable.
        """
        manifest = self.manifest(name, release_id)
        folder = dest / release_id
        for entry in (entry for entry in manifest.files if entry.path.startswith(tuple(only))):
            target = folder / entry.path
            if target.is_file() and target.stat().st_size == entry.size and sha256_of(target) == entry.sha256:
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
            try:
                with self._reaching(READING):
                    try:
                        self._fs.get_file(self._path(name, "releases", release_id, entry.path), str(part))
                    except FileNotFoundError:
                        where = f"{self.uri(name, release_id)}/{entry.path}"
                        raise ReleaseCorrupt(f"{where} is missing: the release was changed") from None
                if part.stat().st_size != entry.size or sha256_of(part) != entry.sha256:
                    where = f"{self.uri(name, release_id)}/{entry.path}"
                    raise ReleaseCorrupt(f"{where} differs from the manifest's sha256: the release was changed")
                part.replace(target)
            finally:
                part.unlink(missing_ok=True)
            if on_file:
                on_file(entry)
        if any(prefix.startswith(SERVING) for prefix in only):
            (folder / SERVING_MANIFEST).write_bytes(manifest.canonical())
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MANIFEST).write_bytes(manifest.canonical())
        return folder

    def champion(self, name: str) -> Champion | None:
        """Return the promoted release; None before the first promotion."""
        path = self._path(name, "champion.json")
        with self._reaching(READING):
            try:
                raw = self._fs.cat_file(path)
            except FileNotFoundError:
                return None
        try:
            return Champion.model_validate_json(raw)
        except ValidationError as error:
            source = f"{self.base}/{name}/champion.json"
            raise ReleaseCorrupt(f"{source}: {invalid_field(error)}; promote again") from None

    def set_champion(
        self, name: str, release_id: str, *, who: str, action: str, previous: str | None = None
    ) -> Champion:
        """Record a promotion or rollback: first its audit entry, then `champion.json`.

        `previous` is the release to roll back to, by default the champion until now.
        """
        self.manifest(name, release_id)
        now = self.champion(name)
        if previous is None and now is not None:
            previous = now.previous if now.id == release_id else now.id
        when = datetime.now(UTC)
        champion = Champion(
            id=release_id, previous=previous, who=who, when=when.isoformat(timespec="seconds"), action=action
        )
        raw = champion.model_dump_json(indent=1).encode()
        with self._reaching("writing to"):
            stamp = when.strftime("%Y%m%dT%H%M%S.%fZ")
            self._write(self._path(name, "audit", f"{stamp}-{action}-{release_id}.json"), raw)
            self._write(self._path(name, "champion.json"), raw)
        return champion

    def audit(self, name: str) -> list[dict[str, Any]]:
        """List every promotion and rollback, the oldest first."""
        files = [file for file in sorted(self._names(name, "audit")) if file.endswith(".json")]
        with self._reaching("listing"):
            return [json.loads(self._fs.cat_file(self._path(name, "audit", file))) for file in files]
