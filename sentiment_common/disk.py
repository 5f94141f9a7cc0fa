"""Full disks: how the system and libraries report them."""

import contextlib
import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

_FULL = {errno.ENOSPC, errno.EDQUOT}
# Libraries in Rust and C++ keep the system's words and drop its number.
_WORDS = tuple(os.strerror(number) for number in sorted(_FULL))
PROBE_BYTES = 1 << 20
Read = TypeVar("Read")


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and its causes, the outermost first."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def reports_full(error: BaseException) -> bool:
    """Report whether an error, or a cause of it, reports a full disk or quota."""
    return any(
        (isinstance(cause, OSError) and cause.errno in _FULL) or any(words in str(cause) for words in _WORDS)
        for cause in causes(error)
    )


def is_full(folder: Path) -> bool:
    """Test by writing a megabyte if a folder is full: free blocks do not show a quota."""
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(PROBE_BYTES))
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        return error.errno in _FULL
    return False


def _nearest(folder: Path, read: Callable[[Path], Read]) -> Read | None:
    """Read a folder's state, or that of its nearest parent that can be read."""
    for place in (folder.absolute(), *folder.absolute().parents):
        with contextlib.suppress(OSError):
            return read(place)
    return None


def free_bytes(folder: Path) -> int | None:
    """Return this account's free bytes on the disk of the folder or its nearest parent; None where unknown."""
    found = _nearest(folder, os.statvfs)
    return None if found is None else found.f_bavail * found.f_frsize


def on_one_disk(first: Path, second: Path) -> bool:
    """Report whether two folders, which need not exist yet, are on the same file system."""
    found = [_nearest(folder, os.stat) for folder in (first, second)]
    return found[0] is not None and found[1] is not None and found[0].st_dev == found[1].st_dev


def megabytes(count: int) -> str:
    """Format as `1,234 MB`, rounded up."""
    return f"{-(-count // 10**6):,} MB"
