"""Database addresses: their forms, the engine for one, and errors that say what to do."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from prediction_log.errors import LogError

T = TypeVar("T")
DEFAULT_URL = "sqlite:///var/predictions.db"
CONNECT_SECONDS = 5.0
STATEMENT_SECONDS = 120.0  # far above what a window takes, and below what a forgotten query may hold up a database
UPGRADE_HINT = "make its tables with `python -m prediction_log upgrade`"
_FORMS = "give sqlite:///path/to/file.db or postgresql://user:password@host:5432/database"
_DRIVERS = {"postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg", "sqlite": "sqlite+aiosqlite"}
TIMEOUT_HINT = "it took too long; ask for a shorter window, or try again when the database has less to do"
_CLIENT_SECONDS = 5.0  # how much longer than the server we wait: a frozen one does not end a statement itself
_SQLITE_STEPS = 10_000  # of its virtual machine, between two looks at the clock
_TOO_LONG = re.compile(r"statement timeout|^interrupted$")
_MISSING_TABLE = re.compile(r"no such table|UndefinedTable|relation \"?\w+\"? does not exist")


def parse_url(url: str) -> URL:
    """DATABASE_URL with the driver that the log uses.

    Raises:
        LogError: neither postgresql:// nor sqlite:/// with a file.
    """
    try:
        parsed = make_url(url.strip())
    except (ArgumentError, ValueError):  # the second: a port that is no number
        raise LogError(f"DATABASE_URL cannot be read; {_FORMS}") from None
    family = parsed.drivername.split("+")[0]
    if family not in _DRIVERS:
        raise LogError(f"DATABASE_URL of kind {family!r} cannot be used; {_FORMS}")
    if family == "sqlite" and (not parsed.database or parsed.database == ":memory:"):
        raise LogError(f"DATABASE_URL names no file; {_FORMS}")
    return parsed.set(drivername=_DRIVERS[family])


def is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def shown(url: URL) -> str:
    """The address without its password."""
    return url.set(drivername=url.get_backend_name()).render_as_string(hide_password=True)


def problem(error: BaseException) -> str:
    """One line for a database error, with the remedy where there is one."""
    said = str(getattr(error, "orig", None) or error).strip()
    line = said.splitlines()[0] if said else type(error).__name__
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if _TOO_LONG.search(line):
        return f"{line}: {TIMEOUT_HINT}"
    return f"{line}; {UPGRADE_HINT}" if _MISSING_TABLE.search(f"{type(error).__name__} {said}") else line


def make_engine(url: URL, seconds: float | None = None) -> AsyncEngine:
    """An engine whose connections end with their use, with the pragmas that SQLite needs for several processes.

    A statement that takes longer than `seconds` (on SQLite: a whole connection) is ended by the database.
    """
    if not is_sqlite(url):
        connect = partial(connect_postgres, url, "prediction_log", seconds)
        return create_async_engine(url, poolclass=NullPool, async_creator=connect)
    engine = create_async_engine(url, poolclass=NullPool)

    def prepare(connection: Any, _record: Any) -> None:
        set_pragmas(connection)
        if seconds is not None:
            end = time.monotonic() + seconds
            connection.run_async(
                lambda driver: driver.set_progress_handler(lambda: time.monotonic() > end, _SQLITE_STEPS)
            )

    event.listen(engine.sync_engine, "connect", prepare)
    return engine


async def connect_postgres(url: URL, application_name: str, seconds: float | None = None) -> Any:
    """An asyncpg connection; the URL's query may hold all that libpq knows, such as sslmode and sslrootcert.

    A statement that takes longer than `seconds` is ended.
    """
    address = url.set(drivername="postgresql").render_as_string(hide_password=False)
    settings, patience = {"application_name": application_name}, None
    if seconds is not None:
        settings["statement_timeout"] = str(max(1, round(seconds * 1000)))
        patience = seconds + _CLIENT_SECONDS
    return await asyncpg.connect(address, timeout=CONNECT_SECONDS, command_timeout=patience, server_settings=settings)


def set_pragmas(connection: Any) -> None:
    """For several processes on one file: readers beside one writer, and waiting for a lock."""
    cursor = connection.cursor()
    for pragma in ("busy_timeout=10000", "journal_mode=WAL", "synchronous=NORMAL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


@asynccontextmanager
async def connected(url: URL, *, make: bool = False, seconds: float | None = None) -> AsyncIterator[AsyncConnection]:
    """One transaction.

    Args:
        make: whether an SQLite file (and its folder) that is not there is made.
        seconds: how long a statement may take (on SQLite: all of them); without bound unless given.

    Raises:
        LogError: the database cannot be reached or used.
    """
    if is_sqlite(url):
        path = Path(url.database or "")
        if not make and not path.exists():
            raise LogError(f"the database {shown(url)} is not there; check DATABASE_URL, or {UPGRADE_HINT}")
    try:
        if make and is_sqlite(url):
            path.parent.mkdir(parents=True, exist_ok=True)
        engine = make_engine(url, seconds)
        try:
            async with engine.begin() as connection:
                yield connection
        finally:
            await engine.dispose()
    except (DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        raise LogError(f"the database {shown(url)} cannot be used: {problem(error)}") from error


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine from synchronous code."""
    return asyncio.run(work)
