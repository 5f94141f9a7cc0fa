"""Connections to an SQLite file: concurrent writers, and readers that leave the folder unchanged."""

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import event
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from prediction_log.errors import LogError

BUSY_SECONDS = 10.0
_SWITCH_PAUSE = 0.02  # seconds
_STEPS = 10_000  # of its virtual machine, between two looks at the clock


def sqlite_engine(url: URL, seconds: float | None, *, read_only: bool) -> AsyncEngine:
    """An engine whose connections end with their use; a connection takes at most `seconds`."""
    address = _reading(Path(url.database or "")) if read_only else url
    engine = create_async_engine(address, poolclass=NullPool)

    def prepare(connection: Any, _record: Any) -> None:
        def wait(length: float) -> None:
            connection.run_async(lambda _driver: asyncio.sleep(length))

        lock_seconds = min(BUSY_SECONDS, seconds or BUSY_SECONDS)
        set_pragmas(connection, read_only=read_only, lock_seconds=lock_seconds, wait=wait)
        if seconds is not None:
            end = time.monotonic() + seconds
            connection.run_async(lambda driver: driver.set_progress_handler(lambda: time.monotonic() > end, _STEPS))

    event.listen(engine.sync_engine, "connect", prepare)
    return engine


def _reading(path: Path) -> URL:
    """The file for a reader that changes nothing.

    SQLite needs an index file beside a file in WAL mode. In a read-only folder, the file is opened as immutable, which
    is correct while no rows wait in a `-wal` file beside it.
    """
    query = {"mode": "ro", "uri": "true"}
    waiting, index = path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")
    if not os.access(path.parent, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        if not waiting.exists() or not waiting.stat().st_size:
            query["immutable"] = "1"
        elif not index.exists():
            raise LogError(
                f"{path} cannot be read where it is: rows wait in {waiting.name}, and the folder is read-only; "
                "copy both files into a writable folder"
            )
    return URL.create("sqlite+aiosqlite", database=f"file:{quote(str(path.absolute()))}", query=query)


def set_pragmas(
    connection: Any,
    *,
    read_only: bool = False,
    lock_seconds: float = BUSY_SECONDS,
    wait: Callable[[float], object] = time.sleep,
) -> None:
    """Set the lock time-out; a writer also switches the file to WAL mode, which does not block readers.

    Raises:
        sqlite3.OperationalError: another process has held the file for `lock_seconds`.
    """
    cursor = connection.cursor()
    try:
        cursor.execute(f"PRAGMA busy_timeout={round(lock_seconds * 1000)}")
        if not read_only:
            _switch_to_wal(cursor, lock_seconds, wait)
            cursor.execute("PRAGMA synchronous=NORMAL")
    finally:
        cursor.close()


def _switch_to_wal(cursor: Any, seconds: float, wait: Callable[[float], object]) -> None:
    """Set the file's journal mode, which the file keeps.

    SQLite does not apply its busy timeout to this switch where another process writes or switches.
    """
    end = time.monotonic() + seconds
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= end:
                raise
        wait(_SWITCH_PAUSE)
