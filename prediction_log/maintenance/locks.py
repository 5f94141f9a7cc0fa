"""Postgres locks: short waits, so that other sessions do not queue for long, and retries until a deadline."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from prediction_log.database.connection import connected
from prediction_log.errors import LogError
from prediction_log.schema import metadata

T = TypeVar("T")
Report = Callable[[str], None]
# While a statement waits for an exclusive lock, all reads and writes that come after it wait too. It is longer than
# Postgres' deadlock_timeout (1 s), after which an autovacuum that is in the way is cancelled.
LOCK_SECONDS = 2.0
WAIT_SECONDS = 300.0
PAUSE_SECONDS = (0.5, 15.0)  # first and longest pause between two tries
_BLOCKED = ("55P03", "40P01")  # lock_not_available, deadlock_detected
_HOLDER = text(
    "SELECT a.pid, COALESCE(NULLIF(a.application_name, ''), a.backend_type), a.usename, a.state, a.xact_start "
    "FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.granted AND a.pid <> pg_backend_pid() "
    "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND (l.relation IN (SELECT to_regclass(name) FROM unnest(CAST(:tables AS text[])) name UNION ALL "
    "SELECT inhrelid FROM pg_inherits WHERE inhparent = to_regclass('predictions')) OR (l.locktype = 'advisory' "
    "AND (l.classid::bigint << 32) | l.objid::bigint = CAST(:key AS bigint) AND l.objsubid = 1)) "
    "ORDER BY l.locktype <> 'advisory', a.xact_start NULLS LAST LIMIT 1"
)


class Blocked(LogError):
    """Another session held a lock until the deadline; the message names the session."""


def state_of(error: LogError) -> str | None:
    """The SQLSTATE with which Postgres ended a transaction, None where it was not Postgres."""
    cause = error.__cause__
    return getattr(cause.orig, "sqlstate", None) if isinstance(cause, DBAPIError) else None


def is_blocked(error: LogError) -> bool:
    """Whether a transaction was ended because another session held a lock."""
    return state_of(error) in _BLOCKED


async def holder(url: URL, key: int | None = None) -> str:
    """The session, in words, that holds the advisory lock `key`, or the oldest that holds one of the log's tables."""
    async with connected(url, read_only=True, seconds=10.0) as connection:
        row = (await connection.execute(_HOLDER, {"tables": sorted(metadata.tables), "key": key})).first()
    if row is None:
        return "another session"
    pid, program, role, state, since = row
    # An autovacuum has no role, and what another role's session does is not shown to everyone.
    parts = (program, role and f"role {role}", state, since and f"since {since:%H:%M:%S} UTC")
    return f"process {pid} ({', '.join(part for part in parts if part)})"


async def insist(
    url: URL, what: str, attempt: Callable[[], Awaitable[T]], end: float, report: Report, key: int | None = None
) -> T:
    """The result of `attempt`, a transaction with a lock's time limit, tried again until `time.monotonic()` is `end`.

    Args:
        key: of the advisory lock that the transaction takes first.

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
            blocker = await holder(url, key)
            left = end - time.monotonic()
            if left <= 0:
                raise Blocked(f"{blocker} holds a lock; retry when its transaction has ended") from error
        report(f"{what} waits for {blocker}; retrying for {left:.0f} s")
        await asyncio.sleep(min(pause, left))
        pause = min(pause * 2, PAUSE_SECONDS[1])
