"""Connections to an SQLite file: to write for several processes, or to read without a trace."""

import os
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import event
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from prediction_log.errors import LogError

BUSY_SECONDS = 10.0
_STEPS = 10_000  # of its virtual machine, between two looks at the clock


def sqlite_engine(url: URL, seconds: float | None, *, read_only: bool) -> AsyncEngine:
    """An engine whose connections end with their use; a connection takes at most `seconds`."""
    address = _reading(Path(url.database or "")) if read_only else url
    engine = create_async_engine(address, poolclass=NullPool)

    def prepare(connection: Any, _record: Any) -> None:
        set_pragmas(connection, read_only=read_only, lock_seconds=min(BUSY_SECONDS, seconds or BUSY_SECONDS))
        if seconds is not None:
            end = time.monotonic() + seconds
            connection.run_async(lambda driver: driver.set_progress_handler(lambda: time.monotonic() > end, _STEPS))

    event.listen(engine.sync_engine, "connect", prepare)
    return engine


def _reading(path: Path) -> URL:
    """The file for a reader that changes nothing.

    SQLite reads a file in WAL mode by help of a second one beside it. Where none can be made, the file is read as one
    that nobody changes, which holds as long as no rows wait in a `-wal` beside it.
    """
    query = {"mode": "ro", "uri": "true"}
    waiting, index = path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")
    if not os.access(path.parent, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        if not waiting.exists() or not waiting.stat().st_size:
            query["immutable"] = "1"
        elif not index.exists():
            raise LogError(
                f"{path} cannot be read where it is: rows wait in {waiting.name}, and the folder is read-only; "
                "copy both files into a folder of yours"
            )
    return URL.create("sqlite+aiosqlite", database=f"file:{quote(str(path.absolute()))}", query=query)


def set_pragmas(connection: Any, *, read_only: bool = False, lock_seconds: float = BUSY_SECONDS) -> None:
    """Wait for a lock for that long; a writer also lets readers go on beside it."""
    cursor = connection.cursor()
    writing = () if read_only else ("journal_mode=WAL", "synchronous=NORMAL")
    for pragma in (f"busy_timeout={round(lock_seconds * 1000)}", *writing):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
