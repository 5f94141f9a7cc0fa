"""Bring mirrored segments to the database: the rows of pods that are gone.

Any segment may be replayed at any time, by several at once and beside its living owner: a row that is there already is
left as it is, and an object is deleted once its rows are in the database.
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
BATCH_SECONDS = 30.0  # a database that does not take a batch in this time counts as down
Want = Callable[[Spilled], bool]


@dataclass(slots=True)
class Replayed:
    """Segments and rows that are in the database now, and what was left where it was: each object with the reason."""

    segments: int = 0
    rows: int = 0
    left: dict[str, str] = field(default_factory=dict)


def gone(segments: list[Spilled], now: datetime, quiet: timedelta) -> set[str]:
    """Owners that have mirrored nothing for so long: while the database is away a living one does every few seconds,
    and when it is back it deletes its own."""
    newest: dict[str, datetime] = {}
    for segment in segments:
        newest[segment.owner] = max(segment.modified, newest.get(segment.owner, segment.modified))
    return {owner for owner, when in newest.items() if now - when >= quiet}


async def _insert(sink: Sink, records: list[PredictionRecord]) -> list[str]:
    """Insert a segment's rows; what was refused, and why."""
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
    url: str, store: SpillStore, segments: list[Spilled], done: Replayed, go_on: Callable[[], bool]
) -> None:
    parsed = parse_url(url)
    sink = make_sink(parsed)
    try:
        await sink.connect()
        for segment in segments:
            if not go_on():
                return
            raw = store.get(segment.name)
            if raw is None:
                continue  # another has just replayed it
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
    except Exception as error:  # drivers raise families of their own
        raise LogError(f"the database {shown(parsed)} cannot be used: {problem(error)}") from error
    finally:
        await sink.close()


def replay(
    url: str,
    store: SpillStore,
    *,
    quiet: timedelta = timedelta(0),
    wanted: Want = lambda _: True,
    go_on: Callable[[], bool] = lambda: True,
) -> Replayed:
    """Replay the mirrored segments, the oldest first, and delete each that is in the database.

    Args:
        quiet: leave the segments of owners that have mirrored something since.
        wanted: says which segments to replay.
        go_on: asked before each segment; False ends the replay there.

    Returns:
        What was done, and what was left: torn and foreign objects, and segments with rows that the database refuses.

    Raises:
        LogError: the store or the database cannot be used.
    """
    segments, foreign = store.list()
    done = Replayed(left=dict.fromkeys(foreign, "it is no segment of the prediction log"))
    owners = gone(segments, datetime.now(UTC), quiet)
    chosen = [segment for segment in segments if segment.owner in owners and wanted(segment)]
    if chosen:
        run(_replay(url, store, chosen, done, go_on))
    return done
