"""Partitions by day and retention: days are made ahead, and what is old goes; of predictions whole days are dropped."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from prediction_log.database import connected, is_sqlite, parse_url, run
from prediction_log.schema import drift_reports, feedback, predictions

_NAME = re.compile(r"^predictions_(\d{8})$")


async def _names(connection: AsyncConnection) -> set[str]:
    query = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'predictions'::regclass"
    return set((await connection.execute(text(query))).scalars())


def _day(name: str) -> date | None:
    match = _NAME.match(name)
    return datetime.strptime(match[1], "%Y%m%d").replace(tzinfo=UTC).date() if match else None


async def _one_at_a_time(connection: AsyncConnection) -> None:
    # This mode conflicts with itself, and lets reads and writes go on.
    await connection.execute(text("LOCK TABLE predictions IN SHARE UPDATE EXCLUSIVE MODE"))


async def make_partitions(connection: AsyncConnection, ahead_days: int) -> list[str]:
    """Make the partitions from today to `ahead_days` ahead; rows of those days move out of the default one."""
    await _one_at_a_time(connection)
    there = await _names(connection)
    today = datetime.now(UTC).date()
    made = []
    for offset in range(ahead_days + 1):
        day = today + timedelta(days=offset)
        name = f"predictions_{day:%Y%m%d}"
        if name in there:
            continue
        start, end = f"'{day} 00:00:00+00'", f"'{day + timedelta(days=1)} 00:00:00+00'"
        span = f"time >= {start} AND time < {end}"
        # A partition cannot be attached while the default one holds rows of its range, so those move first.
        for statement in (
            "LOCK TABLE predictions_default IN ACCESS EXCLUSIVE MODE",
            f"CREATE TABLE {name} (LIKE predictions INCLUDING DEFAULTS INCLUDING CONSTRAINTS)",
            f"WITH moved AS (DELETE FROM predictions_default WHERE {span} RETURNING *) "
            f"INSERT INTO {name} SELECT * FROM moved",
            f"ALTER TABLE predictions ATTACH PARTITION {name} FOR VALUES FROM ({start}) TO ({end})",
        ):
            await connection.execute(text(statement))
        made.append(name)
    return made


async def _drop_old(connection: AsyncConnection, oldest: date) -> int:
    removed = 0
    await _one_at_a_time(connection)
    for name in sorted(await _names(connection)):
        day = _day(name)
        if day is not None and day < oldest:
            removed += int((await connection.execute(text(f"SELECT COUNT(*) FROM {name}"))).scalar_one())
            await connection.execute(text(f"DROP TABLE {name}"))
    return removed


class Maintained(NamedTuple):
    """Names of the partitions made (none on SQLite), and the rows removed from each table."""

    made: list[str]
    predictions: int
    feedback: int
    drift_reports: int


async def _maintain(url: str, ahead_days: int, keep_days: int) -> Maintained:
    parsed = parse_url(url)
    oldest = datetime.now(UTC).date() - timedelta(days=keep_days)
    midnight = datetime(oldest.year, oldest.month, oldest.day, tzinfo=UTC)
    made, removed = [], 0
    if not is_sqlite(parsed):
        async with connected(parsed) as connection:
            made = await make_partitions(connection, ahead_days)
        # A transaction of its own: dropping locks the whole table, which must not be asked for while holding others.
        async with connected(parsed) as connection:
            removed = await _drop_old(connection, oldest)
    async with connected(parsed) as connection:
        times = (predictions.c.time, feedback.c.created, drift_reports.c.created)
        rest = [(await connection.execute(time.table.delete().where(time < midnight))).rowcount for time in times]
    return Maintained(made, removed + rest[0], *rest[1:])


def maintain(url: str, *, ahead_days: int = 7, keep_days: int = 90) -> Maintained:
    """Make the coming days' partitions; remove predictions, feedback and drift reports older than `keep_days` whole
    days."""
    return run(_maintain(url, ahead_days, keep_days))
