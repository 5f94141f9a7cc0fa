"""Database addresses, single transactions, and database errors with their remedies."""

import asyncio
import re
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from prediction_log.database import postgres_url
from prediction_log.database.postgres import postgres_engine
from prediction_log.database.postgres_url import FORMS
from prediction_log.database.sqlite import sqlite_engine
from prediction_log.errors import LogError

T = TypeVar("T")
DEFAULT_URL = "sqlite:///var/predictions.db"
STATEMENT_SECONDS = 120.0  # far longer than a window takes; a forgotten query still ends
UPGRADE_HINT = "make its tables with `python -m prediction_log upgrade`"
_SCHEME = re.compile(r"^(?P<family>[A-Za-z][\w.-]*)(?:\+\w+)?://(?P<rest>.*)$", re.DOTALL)
_CLIENT_SECONDS = 5.0  # extra wait on the client: a frozen server does not end a statement
_SLOW = "the statement took too long; request a shorter window, or retry when the database is less busy"
_HINTS = {
    re.compile(r"no such column|has no column named|UndefinedColumn"): (
        "its tables belong to another program or version; run `python -m prediction_log upgrade` for the details"
    ),
    re.compile(r"statement timeout|^interrupted$"): _SLOW,
    re.compile(r"conflict with recovery"): "the replica cancelled the query to follow its primary; retry",
    re.compile(r"lock timeout"): "another session holds a lock; retry when its transaction has ended",
    re.compile(r"no such table|UndefinedTable|relation \"?\w+\"? does not exist"): UPGRADE_HINT,
    re.compile(r"not allowed in statement pooling mode"): "set pool_mode=transaction (or session) in PgBouncer",
    re.compile(r"unsupported startup parameter: options"): (
        "leave options out of the address and set it for the role (ALTER ROLE ... SET ...), or name it in PgBouncer's "
        "ignore_startup_parameters"
    ),
    re.compile(r"read-only transaction|readonly database"): (
        "DATABASE_URL names a replica or a read-only database; give a writable one"
    ),
    re.compile(r"CERTIFICATE_VERIFY_FAILED"): (
        "this machine does not trust the authority of the server's certificate; give sslrootcert=FILE"
    ),
}


def parse_url(url: str, source: str = "DATABASE_URL") -> URL:
    """Parse the address that `source` gives, and set the driver that the log uses.

    Raises:
        LogError: the address is neither a Postgres address that psql accepts nor sqlite:/// with a file.
    """
    match = _SCHEME.match(url.strip())
    if match is None:
        raise LogError(f"{source} cannot be read; {FORMS}")
    if match["family"] in ("postgresql", "postgres"):
        return postgres_url.parse(match["rest"], source)
    if match["family"] != "sqlite":
        raise LogError(f"{source} of kind {match['family']!r} cannot be used; {FORMS}")
    try:
        parsed = make_url(url.strip())
    except (ArgumentError, ValueError):
        raise LogError(f"{source} cannot be read; {FORMS}") from None
    if not parsed.database or parsed.database == ":memory:":
        raise LogError(f"{source} names no file; {FORMS}")
    return parsed.set(drivername="sqlite+aiosqlite")


def is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def shown(url: URL) -> str:
    """Return the address without its passwords."""
    if is_sqlite(url):
        return url.set(drivername="sqlite").render_as_string()
    return postgres_url.shown(url)


def problem(error: BaseException) -> str:
    """Return one line for a database error, with the remedy if one is known."""
    if isinstance(error, LogError):
        return str(error)
    text = str(getattr(error, "orig", None) or error).strip()
    line = text.splitlines()[0] if text else type(error).__name__
    if isinstance(error, TimeoutError):
        return "no answer in time"
    whole = f"{type(error).__name__} {text}"
    hint = next((hint for pattern, hint in _HINTS.items() if pattern.search(line) or pattern.search(whole)), None)
    return f"{line}; {hint}" if hint else line


@asynccontextmanager
async def connected(
    url: URL,
    *,
    make: bool = False,
    read_only: bool = False,
    seconds: float | None = None,
    lock_seconds: float | None = None,
) -> AsyncIterator[AsyncConnection]:
    """Open a connection with one transaction.

    Args:
        make: whether to create a missing SQLite file and its folder.
        read_only: whether the transaction only reads; an SQLite file then stays unchanged.
        seconds: time limit of a statement (on SQLite: of all statements); no limit by default.
        lock_seconds: time limit of a statement's wait for a Postgres lock; no limit by default.

    Raises:
        LogError: the database cannot be reached or used.
    """
    if is_sqlite(url):
        path = Path(url.database or "")
        if not make and not path.exists():
            raise LogError(f"the database {shown(url)} does not exist; check DATABASE_URL, or {UPGRADE_HINT}")
    try:
        if is_sqlite(url):
            if make:
                path.parent.mkdir(parents=True, exist_ok=True)
            engine = sqlite_engine(url, seconds, read_only=read_only)
        else:
            engine = postgres_engine(url, None if seconds is None else seconds + _CLIENT_SECONDS)
        try:
            async with engine.begin() as connection:
                if not is_sqlite(url):
                    await set_limits(connection, seconds=seconds, lock_seconds=lock_seconds)
                yield connection
        finally:
            await engine.dispose()
    except (DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        raise LogError(f"the database {shown(url)} cannot be used: {problem(error)}") from error


async def set_limits(
    connection: AsyncConnection, *, seconds: float | None = None, lock_seconds: float | None = None
) -> None:
    """Limit the statements of this Postgres transaction, and their waits for a lock.

    Limits apply to this transaction only, because a pooler reuses the session and would refuse a start-up parameter.
    """
    for name, limit in (("statement_timeout", seconds), ("lock_timeout", lock_seconds)):
        if limit is not None:
            await connection.execute(text(f"SET LOCAL {name} = {max(1, round(limit * 1000))}"))


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine from synchronous code."""
    return asyncio.run(work)
