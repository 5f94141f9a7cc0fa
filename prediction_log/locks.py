"""Locks of Postgres: short waits, so that nobody queues behind them for long, and tries until a time is over."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from prediction_log.database import connected
from prediction_log.errors import LogError

T = TypeVar("T")
Report = Callable[[str], None]
# While a statement waits for an exclusive lock, all reads and writes that come after it wait too.
LOCK_SECONDS = 1.0
WAIT_SECONDS = 300.0
PAUSE_SECONDS = (0.5, 15.0)  # first and longest pause between two tries
_STATES = ("55P03", "40P01")  # lock_not_available, deadlock_detected
_HOLDER = text(
    "SELECT a.pid, COALESCE(NULLIF(a.application_name, ''), a.backend_type), a.usename, a.state, a.xact_start "
    "FROM pg_locks l JOIN pg_stat_activity a USING (pid) JOIN pg_class c ON c.oid = l.relation "
    "WHERE l.granted AND c.relnamespace <> 'pg_catalog'::regnamespace AND l.database = (SELECT oid FROM pg_database "
    "WHERE datname = current_database()) AND a.pid <> pg_backend_pid() ORDER BY a.xact_start NULLS LAST LIMIT 1"
)


class Blocked(LogError):
    """Another session held a lock for the whole time; the message names the session."""


def is_blocked(error: LogError) -> bool:
    """Whether a transaction was ended because another session held a lock."""
    cause = error.__cause__
    return isinstance(cause, DBAPIError) and getattr(cause.orig, "sqlstate", None) in _STATES


async def holder(url: URL) -> str:
    """The session with the oldest transaction among those that hold a table's lock, in words."""
    async with connected(url, read_only=True, seconds=10.0) as connection:
        row = (await connection.execute(_HOLDER)).first()
    if row is None:
        return "another session"
    pid, program, role, state, since = row
    return f"process {pid} ({program}, role {role}, {state or 'active'}" + (
        f", since {since:%H:%M:%S} UTC)" if since else ")"
    )


async def insist(url: URL, what: str, attempt: Callable[[], Awaitable[T]], end: float, report: Report) -> T:
    """The result of `attempt`, a transaction with a lock's time limit, tried again until `time.monotonic()` is `end`.

    Raises:
        Blocked: another session held a lock at each try.
        LogError: the transaction failed otherwise.
    """
    pause = PAUSE_SECONDS[0]
    while True:
        try:
            return await attempt()
        except LogError as error:
            if not is_blocked(error):
                raise
            blocker = await holder(url)
            left = end - time.monotonic()
            if left <= 0:
                raise Blocked(f"{blocker} holds a lock; try again when its transaction has ended") from error
        report(f"{what} waits for {blocker}, tried again for {left:.0f} s")
        await asyncio.sleep(min(pause, left))
        pause = min(pause * 2, PAUSE_SECONDS[1])
