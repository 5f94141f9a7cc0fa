"""Retention: create the coming days' partitions and remove old rows; predictions are dropped by whole days."""

from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.engine import URL

from prediction_log.database.connection import STATEMENT_SECONDS, connected, is_sqlite, parse_url, run
from prediction_log.errors import LogError
from prediction_log.maintenance.locks import LOCK_SECONDS, WAIT_SECONDS, Report, insist, is_blocked, state_of
from prediction_log.maintenance.partitions import (
    AHEAD_DAYS,
    attached,
    day_of,
    deadline,
    make_partitions,
    one_at_a_time,
    today,
)
from prediction_log.schema import drift_reports, feedback, predictions, predictions_default

_ROWS = text("SELECT GREATEST(reltuples, 0)::bigint FROM pg_class WHERE oid = to_regclass(:name)")
_CANCELED, _NO_TABLE = "57014", "42P01"
_TABLES = text("SELECT relname::text FROM pg_class WHERE relkind = 'r' AND pg_table_is_visible(oid)")


class Maintained(NamedTuple):
    """The result of a maintenance.

    Attributes:
        made: names of the partitions made or attached again (none on SQLite).
        predictions: rows removed, as are `feedback` and `drift_reports`.
        left: names of the partitions that could not be made or dropped, each with the reason.
    """

    made: list[str]
    predictions: int
    feedback: int
    drift_reports: int
    left: dict[str, str]


async def _old_days(url: URL, oldest: date, report: Report) -> dict[str, int]:
    """The partitions of days before `oldest` and the rows of each; nothing is locked against writers."""
    counts = {}
    async with connected(url, read_only=True, seconds=STATEMENT_SECONDS) as connection:
        partitions = await attached(connection)
        tables = partitions.union((await connection.execute(_TABLES)).scalars())
    for name in sorted(tables):
        day = day_of(name)
        if day is None or day >= oldest:
            continue
        if name not in partitions:
            report(f"{name} is detached, so retention leaves it; drop it when its rows are no longer needed")
        elif (rows := await _rows(url, name)) is not None:
            counts[name] = rows
    return counts


async def _rows(url: URL, name: str) -> int | None:
    """The rows of a partition, as Postgres estimates them where they cannot be counted; None when it was dropped."""
    try:
        async with connected(url, read_only=True, seconds=STATEMENT_SECONDS, lock_seconds=LOCK_SECONDS) as connection:
            return int((await connection.execute(text(f"SELECT COUNT(*) FROM {name}"))).scalar_one())
    except LogError as error:
        if state_of(error) == _NO_TABLE:
            return None
        if state_of(error) != _CANCELED and not is_blocked(error):
            raise
    async with connected(url, read_only=True, seconds=STATEMENT_SECONDS) as connection:
        return (await connection.execute(_ROWS, {"name": name})).scalar()


async def _drop(url: URL, name: str) -> bool:
    """Whether the partition was dropped now; another may have been faster."""
    # DETACH ... CONCURRENTLY, which would wait without a lock, is refused where there is a default partition.
    async with connected(url, lock_seconds=LOCK_SECONDS) as connection:
        await one_at_a_time(connection)
        if name not in await attached(connection):
            return False
        await connection.execute(text(f"DROP TABLE {name}"))
    return True


async def _drop_old(url: URL, oldest: date, end: float, left: dict[str, str], report: Report) -> int:
    removed = 0
    old = await _old_days(url, oldest, report)
    if old:
        report(f"{len(old)} days before {oldest} hold {sum(old.values())} predictions")
    for name, rows in old.items():
        try:
            dropped = await insist(url, f"dropping {name}", partial(_drop, url, name), end, report)
        except LogError as error:
            left[name] = str(error)
            continue
        if dropped:
            report(f"dropped {name} ({rows} predictions)")
            removed += rows
    return removed


async def _maintain(url: str, ahead_days: int, keep_days: int, wait_seconds: float, report: Report) -> Maintained:
    parsed = parse_url(url)
    end = deadline(wait_seconds)
    sqlite = is_sqlite(parsed)
    oldest = (datetime.now(UTC).date() if sqlite else await today(parsed)) - timedelta(days=keep_days)
    midnight = datetime(oldest.year, oldest.month, oldest.day, tzinfo=UTC)
    made, left, removed = list[str](), dict[str, str](), 0
    if not sqlite:
        made, left = await make_partitions(parsed, ahead_days, end, report)
        removed = await _drop_old(parsed, oldest, end, left, report)
    async with connected(parsed) as connection:
        # A day that is left goes whole another time: its rows are not deleted one by one.
        stray = predictions_default if left else predictions
        rest = []
        for table, time in ((stray, "time"), (feedback, "created"), (drift_reports, "created")):
            rest.append((await connection.execute(table.delete().where(table.c[time] < midnight))).rowcount)
    return Maintained(made, removed + rest[0], rest[1], rest[2], left)


def maintain(
    url: str,
    *,
    ahead_days: int = AHEAD_DAYS,
    keep_days: int = 90,
    wait_seconds: float = WAIT_SECONDS,
    report: Report = lambda _: None,
) -> Maintained:
    """Make the coming days' partitions; remove predictions, feedback and drift reports older than `keep_days` days.

    Each partition is created or dropped in a separate transaction that waits two seconds at a time for a lock, so that
    readers and writers never queue for longer.

    Args:
        wait_seconds: how long locks are tried for in all; what is then still locked is in the result's `left`.
        report: called with a line at each step.

    Raises:
        LogError: the database cannot be used, or its clock differs from this machine's.
    """
    return run(_maintain(url, ahead_days, keep_days, wait_seconds, report))
