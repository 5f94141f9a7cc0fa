"""Replay mirrored segments: insert the rows of dead pods into the database.

A segment may be replayed at any time, concurrently, and while its owner lives: an existing row stays unchanged, and an
object is deleted once its rows are in the database.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from prediction_log.database.connection import parse_url, problem, run, shown
from prediction_log.errors import LogError
from prediction_log.ingest.sinks import Sink, insert_all, make_sink
from prediction_log.ingest.spill_store import Spilled, SpillStore, Unreadable, unpack
from prediction_log.record import PredictionRecord, check

BATCH_ROWS = 500
BATCH_SECONDS = 30.0  # a database that does not accept a batch in this time counts as down
Want = Callable[[Spilled], bool]


@dataclass(slots=True)
class Replayed:
    """Segments and rows inserted, and the objects that were kept, each with the reason."""

    segments: int = 0
    rows: int = 0
    left: dict[str, str] = field(default_factory=dict)


def gone(segments: list[Spilled], now: datetime, quiet: timedelta) -> set[str]:
    """Return owners that have mirrored nothing for `quiet`. During a database outage a living owner mirrors every few
    seconds; afterwards it deletes its segments."""
    newest: dict[str, datetime] = {}
    for segment in segments:
        newest[segment.owner] = max(segment.modified, newest.get(segment.owner, segment.modified))
    return {owner for owner, when in newest.items() if now - when >= quiet}


async def _insert(sink: Sink, records: list[PredictionRecord]) -> list[str]:
    """Insert a segment's rows; return the refused rows with reasons."""
    refused = [f"prediction {record.id}: {reason}" for record in records if (reason := check(record)) is not None]
    good = [record for record in records if check(record) is None]
    for start in range(0, len(good), BATCH_ROWS):
        async with asyncio.timeout(BATCH_SECONDS):
            await insert_all(
                sink,
                good[start : start + BATCH_ROWS],
                lambda record, reason: refused.append(f"prediction {record.id}: {reason}"),
            )
    return refused


async def _replay(
    url: str, store: SpillStore, segments: list[Spilled], done: Replayed, proceed: Callable[[], bool]
) -> None:
    parsed = parse_url(url)
    sink = make_sink(parsed)
    try:
        await sink.connect()
        for segment in segments:
            if not proceed():
                return
            raw = store.get(segment.name)
            if raw is None:
                continue  # another process has just replayed it
            try:
                records = unpack(segment.name, raw)
            except Unreadable as error:
                done.left[segment.name] = str(error)
                continue
            refused = await _insert(sink, records)
            done.rows += len(records) - len(refused)
            if refused:
                done.left[segment.name] = f"the database refuses {len(refused)} of its rows ({refused[0]})"
                continue
            store.delete(segment.name)
            done.segments += 1
    except LogError:
        raise
    except Exception as error:  # each driver has its own exceptions
        raise LogError(f"the database {shown(parsed)} cannot be used: {problem(error)}") from error
    finally:
        await sink.close()


def replay(
    url: str,
    store: SpillStore,
    *,
    quiet: timedelta = timedelta(0),
    wanted: Want = lambda _: True,
    proceed: Callable[[], bool] = lambda: True,
) -> Replayed:
    """Replay mirrored segments, oldest first, and delete each once its rows are in the database.

    Args:
        quiet: skip owners that have mirrored a segment within this time.
        wanted: selects the segments to replay.
        proceed: called before each segment; False ends the replay.

    Returns:
        Counts, and the objects that were kept: torn, foreign, or with rows that the database refuses.

    Raises:
        LogError: the store or the database cannot be used.
    """
    segments, foreign = store.list()
    done = Replayed(left=dict.fromkeys(foreign, "it is not a segment of the prediction log"))
    owners = gone(segments, datetime.now(UTC), quiet)
    chosen = [segment for segment in segments if segment.owner in owners and wanted(segment)]
    if chosen:
        run(_replay(url, store, chosen, done, proceed))
    return done
