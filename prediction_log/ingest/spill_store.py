"""Journal segments in an object store, where they outlive a pod: one object a segment, with owner and checksum."""

import hashlib
import json
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prediction_log.errors import LogError
from prediction_log.ingest.journal import decode, intact
from prediction_log.record import PredictionRecord
from sentiment_common.object_store import Patience, open_store

FORMAT = "prediction-log-spill/1"
_FORMS = "give s3://bucket/prefix or a folder"
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*/\d{20}-\d+-\d+\.jsonl$")
_PATIENCE = Patience(connect=3, read=20, tries=2)  # a pod that ends has seconds to mirror its rows


class Unreadable(LogError):
    """An object under SPILL_URI is not a complete segment; the message gives the reason."""


@dataclass(frozen=True, slots=True)
class Spilled:
    """An object under SPILL_URI: its name `owner/segment.jsonl`, when it was written, its bytes."""

    name: str
    modified: datetime
    size: int

    @property
    def owner(self) -> str:
        """The pod that wrote it."""
        return self.name.partition("/")[0]


def name_of(owner: str, segment: str) -> str:
    """Return a segment's object name; characters of the owner that some store refuses become a hyphen."""
    return f"{re.sub(r'[^A-Za-z0-9._-]', '-', owner).lstrip('._-') or 'unnamed'}/{segment}"


def pack(name: str, segment: bytes) -> bytes:
    """Return a segment as an object: a JSON header line, then the segment's intact lines.

    A line torn by a crash was never a complete row, and is left out.
    """
    lines = [line for line in segment.splitlines(keepends=True) if line.endswith(b"\n") and intact(line)]
    body = b"".join(lines)
    header = {
        "format": FORMAT,
        "name": name,
        "rows": len(lines),
        "bytes": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    return json.dumps(header, separators=(",", ":")).encode() + b"\n" + body


def unpack(name: str, raw: bytes) -> list[PredictionRecord]:
    """Return the rows of an object.

    Raises:
        Unreadable: it is torn, changed, or not a segment in this version's format.
    """
    head, _, body = raw.partition(b"\n")
    try:
        header = json.loads(head)
        known = isinstance(header, dict) and header.get("format") == FORMAT
    except ValueError:
        known = False
    if not known:
        raise Unreadable("it is not a segment of the prediction log")
    if header.get("name") != name:
        raise Unreadable(f"it is a copy of {header.get('name')!r}")
    if len(body) != header.get("bytes") or hashlib.sha256(body).hexdigest() != header.get("sha256"):
        raise Unreadable(f"it is torn or was changed: {len(body)} bytes, its first line promises {header.get('bytes')}")
    records = [decode(line) for line in body.splitlines(keepends=True)]
    whole = [record for record in records if record is not None]
    if len(whole) != len(records):
        raise Unreadable("its rows have another version's format; replay it with the version that wrote it")
    return whole


class SpillStore:
    """The objects under SPILL_URI; every method but `unpack` may raise LogError when the store cannot be used."""

    def __init__(self, uri: str) -> None:
        self.base = uri.strip().rstrip("/")
        if not self.base:
            raise LogError(f"SPILL_URI is empty; {_FORMS}")
        try:
            self._fs, path = open_store(self.base, _PATIENCE)
        except (ValueError, ImportError) as error:
            raise LogError(f"SPILL_URI {self.base!r} cannot be used: {error}; {_FORMS}") from None
        self._root = str(path).rstrip("/")
        self._local = "file" in self._fs.protocol

    @contextmanager
    def _reaching(self, doing: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise
        except Exception as error:  # s3fs lets botocore's, aiohttp's and OSError's families through
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            raise LogError(
                f"{doing} {self.base} failed ({reason}); check SPILL_URI, the credentials and AWS_ENDPOINT_URL"
            ) from error

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def put(self, name: str, raw: bytes) -> None:
        """Write an object, whole or not at all."""
        with self._reaching("writing to"):
            try:
                self._put(self._path(name), raw)
            except FileNotFoundError as error:  # of S3: the bucket
                raise OSError(str(error)) from None

    def _put(self, path: str, raw: bytes) -> None:
        if not self._local:
            self._fs.pipe_file(path, raw)
            return
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
        try:
            part.write_bytes(raw)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)

    def get(self, name: str) -> bytes | None:
        """Return an object's bytes; None if it has just been deleted."""
        with self._reaching("reading"):
            try:
                return bytes(self._fs.cat_file(self._path(name)))
            except FileNotFoundError:
                return None

    def delete(self, name: str) -> None:
        """Remove an object; a missing object is not an error."""
        with self._reaching("deleting from"):
            try:
                self._fs.rm_file(self._path(name))
            except FileNotFoundError:
                return

    def list(self) -> tuple[list[Spilled], list[str]]:
        """Return the segments, oldest first, and the names of other objects."""
        with self._reaching("listing"):
            try:
                found = self._fs.find(self._root, detail=True)
            except FileNotFoundError:
                found = {}
        segments, foreign = [], []
        for path, facts in found.items():
            name = str(path).removeprefix(f"{self._root}/")
            if _NAME.match(name):
                segments.append(Spilled(name, _modified(facts), int(facts["size"])))
            elif not name.rpartition("/")[2].startswith("."):  # a local file that is being written
                foreign.append(name)
        return sorted(segments, key=lambda segment: segment.name.partition("/")[2]), sorted(foreign)


def _modified(facts: dict[str, Any]) -> datetime:
    when = facts.get("LastModified", facts.get("mtime", 0))
    return when.astimezone(UTC) if isinstance(when, datetime) else datetime.fromtimestamp(float(when), UTC)
