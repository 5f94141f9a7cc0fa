"""Day partitions (UTC), created ahead of time in one transaction each, so that a lock covers one day at most."""

import re
import time
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncConnection

from prediction_log.database.connection import connected
from prediction_log.errors import LogError
from prediction_log.maintenance.locks import LOCK_SECONDS, Report, insist
from prediction_log.schema import predictions

AHEAD_DAYS = 7
CLOCKS_APART = timedelta(hours=1)
_NAME = re.compile(r"^predictions_(\d{8})$")
_ATTACHED = text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'predictions'::regclass")
_KIND = text("SELECT relkind::text FROM pg_class WHERE oid = to_regclass(:name)")
_COLUMNS = text(
    "SELECT array_agg(ROW(attname, atttypid, attnotnull)::text ORDER BY attname) FROM pg_attribute "
    "WHERE attrelid = to_regclass(:name) AND attnum > 0 AND NOT attisdropped"
)


class ClocksDiffer(LogError):
    """This machine's clock and the database's are too far apart to determine the day."""


class Made(NamedTuple):
    """The names of the partitions made or attached again, and of those that could not be, each with the reason."""

    made: list[str]
    left: dict[str, str]


def name_of(day: date) -> str:
    return f"predictions_{day:%Y%m%d}"


def day_of(name: str) -> date | None:
    """The day of a partition; None for a table of another name."""
    match = _NAME.match(name)
    return datetime.strptime(match[1], "%Y%m%d").replace(tzinfo=UTC).date() if match else None


async def attached(connection: AsyncConnection) -> set[str]:
    """The names of the partitions."""
    return set((await connection.execute(_ATTACHED)).scalars())


async def one_at_a_time(connection: AsyncConnection) -> None:
    """Keep others from making and dropping partitions until the transaction ends; reads and writes continue."""
    # Without ONLY each partition would be locked too, and any VACUUM of one would be in the way.
    await connection.execute(text("LOCK TABLE ONLY predictions IN SHARE UPDATE EXCLUSIVE MODE"))


async def today(url: URL) -> date:
    """The day in UTC, on which this machine's clock and the database's agree.

    Raises:
        ClocksDiffer: by more than an hour: a wrong one would drop days that are to be kept.
    """
    async with connected(url, read_only=True, seconds=10.0) as connection:
        there: datetime = (await connection.execute(text("SELECT now()"))).scalar_one()
    here = datetime.now(UTC)
    if abs(there - here) > CLOCKS_APART:
        raise ClocksDiffer(
            f"the database's clock says {there:%Y-%m-%d %H:%M} UTC and this machine's {here:%Y-%m-%d %H:%M} UTC; "
            "set the wrong one before days are made or dropped"
        )
    return min(here, there.astimezone(UTC)).date()


async def make_partitions(url: URL, ahead_days: int, end: float, report: Report) -> Made:
    """Make the partitions from today to `ahead_days` ahead; rows of those days move out of the default one.

    A table of a day's name that was detached is attached again. A day that cannot be made is left, and its rows go to
    the default partition.

    Args:
        end: when tries for a lock end, of `time.monotonic()`.

    Raises:
        ClocksDiffer: as `today`.
        LogError: the database cannot be used, or has no tables.
    """
    first = await today(url)
    async with connected(url, read_only=True, seconds=10.0) as connection:
        there = await attached(connection)
    done = Made([], {})
    for day in (first + timedelta(days=offset) for offset in range(ahead_days + 1)):
        name = name_of(day)
        if name in there:
            continue
        try:
            made = await insist(url, f"making {name}", partial(_make, url, day), end, report)
        except LogError as error:
            done.left[name] = str(error)
            continue
        if made:
            done.made.append(name)
    return done


async def _make(url: URL, day: date) -> bool:
    """Whether the day's partition was made now; another may have been faster."""
    name = name_of(day)
    start, end = f"'{day} 00:00:00+00'", f"'{day + timedelta(days=1)} 00:00:00+00'"
    span = f"time >= {start} AND time < {end}"
    async with connected(url, lock_seconds=LOCK_SECONDS) as connection:
        await one_at_a_time(connection)
        if name in await attached(connection):
            return False
        detached = await _is_detached(connection, name)
        # A partition cannot be attached while the default one holds rows of its range, so those move first.
        await connection.execute(text("LOCK TABLE predictions_default IN ACCESS EXCLUSIVE MODE"))
        if not detached:
            await connection.execute(
                text(f"CREATE TABLE {name} (LIKE predictions INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
            )
        columns = ", ".join(predictions.c.keys())
        for statement in (
            f"WITH moved AS (DELETE FROM predictions_default WHERE {span} RETURNING *) "
            f"INSERT INTO {name} ({columns}) SELECT {columns} FROM moved ON CONFLICT DO NOTHING",
            f"ALTER TABLE predictions ATTACH PARTITION {name} FOR VALUES FROM ({start}) TO ({end})",
        ):
            await connection.execute(text(statement))
    return True


async def _is_detached(connection: AsyncConnection, name: str) -> bool:
    """Whether a detached table of that name can be attached.

    Raises:
        LogError: something else has the name.
    """
    kind = (await connection.execute(_KIND, {"name": name})).scalar()
    if kind is None:
        return False
    ours, its = [(await connection.execute(_COLUMNS, {"name": table})).scalar() for table in ("predictions", name)]
    if kind != "r" or ours != its:
        raise LogError(f"{name} is in the way: it is not a table with the columns of predictions; rename or drop it")
    return True


def deadline(seconds: float) -> float:
    """`time.monotonic()` in so many seconds."""
    return time.monotonic() + seconds
