"""The spill journal: rows wait on local disk while the database does not accept them.

A folder of segment files, one line a row: the CRC-32 of the JSON, a space, the JSON. The process that holds
a segment's lock owns it. The system drops the locks of a dead process, so the next writer replays its segments.
"""

import base64
import contextlib
import fcntl
import json
import os
import time
import zlib
from collections import deque
from collections.abc import Container, Iterator, Sequence
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO

from prediction_log.record import FIELDS, PredictionRecord

SEGMENT_BYTES = 8 * 2**20
DAMAGED = "damaged.txt"
_SUFFIX = ".jsonl"


def encode(record: PredictionRecord) -> bytes:
    """Return a row as a line of the journal."""
    document: dict[str, Any] = {name: getattr(record, name) for name in FIELDS}
    if record.sketch is not None:
        document["sketch"] = base64.b85encode(record.sketch).decode()
    # numpy's numbers become Python's; lone surrogates pass, as `json.loads` lets them.
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), default=float)
    raw = text.encode("utf-8", "surrogatepass")
    return b"%08x %s\n" % (zlib.crc32(raw), raw)


def intact(line: bytes) -> bool:
    """Return whether a line is complete and unchanged."""
    checksum, _, raw = line.rstrip(b"\n").partition(b" ")
    try:
        return int(checksum, 16) == zlib.crc32(raw)
    except ValueError:
        return False


def decode(line: bytes) -> PredictionRecord | None:
    """Return the row of a line; None if the line is torn or damaged."""
    if not intact(line):
        return None
    try:
        document = json.loads(line.partition(b" ")[2])
    except ValueError:
        return None
    if not isinstance(document, dict) or set(document) != set(FIELDS):
        return None
    if document["sketch"] is not None:
        document["sketch"] = base64.b85decode(document["sketch"])
    return PredictionRecord(**document)


class Journal:
    """Append rows to a folder and read them back. Not safe for concurrent threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows = 0
        self.damaged = 0
        self._file: FileIO | None = None
        self._path: Path | None = None
        self._sequence = 0
        self.claimed: Path | None = None
        self._candidates: deque[Path] = deque()
        self.rows = sum(_count_lines(path) for path in self._segments())

    def _segments(self) -> list[Path]:
        return sorted(self.folder.glob(f"*{_SUFFIX}")) if self.folder.is_dir() else []

    @property
    def bytes(self) -> int:
        """Size of all segments in the folder."""
        return sum(map(_size, self._segments()))

    def append(self, records: Sequence[PredictionRecord]) -> None:
        """Write rows and force them to disk: all of them or none of them.

        Raises:
            OSError: the disk is full or cannot be written; the segment is as it was before.
        """
        stream = self._active()
        start = stream.tell()
        try:
            rest = memoryview(b"".join(map(encode, records)))
            while rest:  # a disk that is nearly full takes a part
                rest = rest[stream.write(rest) :]
            os.fsync(stream.fileno())
        except OSError:
            self._undo(start)
            raise
        self.rows += len(records)
        if stream.tell() >= SEGMENT_BYTES:
            self.rotate()

    def _active(self) -> FileIO:
        if self._file is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._sequence += 1
            name = f"{time.time_ns():020d}-{os.getpid()}-{self._sequence}{_SUFFIX}"
            hidden = self.folder / f"{name}.new"
            # Unbuffered: what a failed write left in a buffer would be written again by the next.
            stream = hidden.open("ab", buffering=0)
            try:
                fcntl.flock(stream, fcntl.LOCK_EX)
                self._path = hidden.rename(self.folder / name)  # others see it only now that it is locked
            except OSError:
                stream.close()
                hidden.unlink(missing_ok=True)
                raise
            self._file = stream
        return self._file

    def _undo(self, size: int) -> None:
        """Truncate a failed write.

        If that fails too, abandon the segment: a row appended to half a line would be damaged. Rows that are in both
        segments become one row in the database.
        """
        if self._file is None:
            return
        try:
            self._file.truncate(size)
            self._file.seek(size)
        except OSError:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = self._path = None

    def rotate(self) -> None:
        """Close the active segment, so that it can be replayed."""
        if self._file is not None and self._path is not None:
            empty = self._file.tell() == 0
            self._file.close()
            if empty:
                self._path.unlink(missing_ok=True)
        self._file = self._path = None

    def claim(self) -> "Segment | None":
        """Lock and return the oldest segment that no process writes or replays; None if all are replayed.

        In the last case no dead writer's rows are left, and `rows` is set to this writer's rows.
        """
        for path in self._waiting():
            stream = _lock(path, fcntl.LOCK_EX)
            if stream is not None:
                self.claimed = path
                return Segment(self, path, stream)
        self.rows = 0 if self._path is None else _count_lines(self._path)
        return None

    def _waiting(self) -> Iterator[Path]:
        """Yield all segments but the active one, oldest first; list the folder again at the end.

        An outage of hours leaves thousands of them: a listing for each would take longer than their replay.
        """
        for list_again in (False, True):
            if list_again:
                self._candidates = deque(self._segments())
            while self._candidates:
                path = self._candidates.popleft()
                if path != self._path:
                    yield path

    def sealed(self, known: Container[str]) -> list[Path]:
        """Return closed segments whose names are not in `known`, oldest first."""
        found = []
        for path in self._segments():
            if path.name in known or path == self._path:
                continue
            if path != self.claimed:
                stream = _lock(path, fcntl.LOCK_SH)
                if stream is None:
                    continue
                stream.close()
            found.append(path)
        return found


class Segment:
    """A claimed segment: read its rows, then `finish` it, or `release` it for a later replay from the start."""

    def __init__(self, journal: Journal, path: Path, stream: BinaryIO) -> None:
        self._journal, self._path, self._stream = journal, path, stream
        self._lines = 0
        self._damaged: list[bytes] = []

    def batches(self, size: int) -> Iterator[list[PredictionRecord]]:
        """Yield the rows in lists of `size`, without damaged lines."""
        batch: list[PredictionRecord] = []
        for line in self._stream:
            self._lines += 1
            record = decode(line)
            if record is None:
                self._damaged.append(line.rstrip(b"\n") + b"\n")
                continue
            batch.append(record)
            if len(batch) >= size:
                yield batch
                batch = []
        if batch:
            yield batch

    @property
    def name(self) -> str:
        """The file's name."""
        return self._path.name

    def finish(self) -> None:
        """Remove the file once all rows are in the database; count damaged lines and keep them in `damaged.txt`."""
        if self._damaged:
            self._journal.damaged += len(self._damaged)
            with contextlib.suppress(OSError), (self._journal.folder / DAMAGED).open("ab") as stream:
                stream.writelines(self._damaged)
        self._path.unlink(missing_ok=True)
        self.release()
        self._journal.rows = max(0, self._journal.rows - self._lines)

    def release(self) -> None:
        self._journal.claimed = None
        self._stream.close()


def _lock(path: Path, kind: int) -> BinaryIO | None:
    """Open and lock a segment's file; None if another process holds it or has just replayed it."""
    try:
        stream = path.open("rb")
    except OSError:
        return None
    try:
        fcntl.flock(stream, kind | fcntl.LOCK_NB)
    except OSError:
        stream.close()
        return None
    if not path.exists():
        stream.close()
        return None
    return stream


def _count_lines(path: Path) -> int:
    try:
        with path.open("rb") as stream:
            return sum(1 for _ in stream)
    except OSError:
        return 0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # just replayed, perhaps by another writer
        return 0
