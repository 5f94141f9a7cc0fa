"""The writer: rows leave the request path at once, and reach the database or the journal from a thread of their own."""

import asyncio
import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from prediction_log.database.connection import parse_url, problem, shown
from prediction_log.ingest.journal import Journal, Segment
from prediction_log.ingest.mirror import MIRROR_SECONDS, Mirror, MirrorStats
from prediction_log.ingest.sinks import Sink, insert_all, make_sink
from prediction_log.record import PredictionRecord, check

log = logging.getLogger("prediction_log")

INSERT_SECONDS = 10.0  # a database that does not take a batch in this time counts as down
RETRY_SECONDS = (0.25, 10.0)  # first and longest pause before the database is tried again
GUARD_SECONDS = 0.05
HELD_SECONDS = 0.5  # what an insert holds up for so long is journalled: with memory alone a killed process loses it
# So many rows are taken in one go, then who waits for the interpreter's lock gets it: the writer's thread, which never
# blocks while it makes rows, would give it away only after the interpreter's switch interval of 5 ms.
SLICE_ROWS, SLICE_PAUSE = 16, 0.0001
GRACE_SECONDS = 5.0  # for the journal after close()'s timeout
MEMORY_FACTOR = 5  # rows kept in memory, as a multiple of queue_rows, when the journal's disk is full too
Row = PredictionRecord | Callable[[], PredictionRecord]


@dataclass(frozen=True, slots=True)
class WriterStats:
    """Rows waiting in memory; rows written, spilled to the journal, replayed from it and lost since the start.

    `mirrored_rows` and `mirrored_bytes` were copied to SPILL_URI since the start, `mirror_failures` counts tries that
    failed, `adopted` rows of pods that are gone which this one brought to the database.
    """

    queued: int
    written: int
    spilled: int
    replayed: int
    lost: int
    journal_rows: int
    journal_bytes: int
    database_up: bool
    last_error: str | None
    last_write: datetime | None
    mirrored_rows: int = 0
    mirrored_bytes: int = 0
    mirror_failures: int = 0
    adopted: int = 0


class LogWriter:
    """Write predictions without ever making the caller wait.

    `put` appends to a queue in memory. A thread with its own event loop writes the queue in batches. When the database
    is down or slow, or the queue has `queue_rows` rows, rows go to the journal in `spill_dir`, and from there to the
    database when it answers again. A row that was written twice stands in the table once.

    Args:
        url: DATABASE_URL.
        spill_dir: folder of the journal; several writers may share it.
        queue_rows: rows in memory above which the oldest are spilled.
        batch_rows: rows in one insert, at most.
        flush_seconds: how long a row waits for others before it is written.
        spill_uri: SPILL_URI, where the journal is mirrored while it holds rows; not at all unless given.
        owner: this writer's name there; the host's (in a cluster the pod's) unless given.

    Raises:
        LogError: `url` or `spill_uri` is no address that can be used.
    """

    def __init__(
        self,
        url: str,
        spill_dir: Path,
        *,
        queue_rows: int = 10_000,
        batch_rows: int = 500,
        flush_seconds: float = 0.5,
        insert_seconds: float = INSERT_SECONDS,
        spill_uri: str | None = None,
        owner: str | None = None,
        mirror_seconds: float = MIRROR_SECONDS,
    ) -> None:
        self._url = parse_url(url)
        self._sink: Sink = make_sink(self._url)
        self._journal = Journal(spill_dir)
        self._queue_rows, self._batch_rows = queue_rows, batch_rows
        self._flush_seconds, self._insert_seconds = flush_seconds, insert_seconds
        self._queue: deque[Row] = deque()
        self._inserting: list[PredictionRecord] = []
        self._held_at = float("inf")
        self._connected = False
        self._retry_at, self._pause = 0.0, RETRY_SECONDS[0]
        self._written = self._spilled = self._replayed = self._lost = 0
        self._last_error: str | None = None
        self._journal_error: str | None = None
        self._last_write: datetime | None = None
        self._segment: Segment | None = None
        self._limit: asyncio.Timeout | None = None
        self._closing = threading.Event()
        self._closed = False
        self._deadline = float("inf")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake: asyncio.Event | None = None
        self._mirror_seconds, self._mirror_at = mirror_seconds, 0.0
        self._mirror = Mirror(spill_uri, url, lambda: self._connected, owner=owner) if spill_uri else None
        self._thread = threading.Thread(target=self._main, name="prediction-log", daemon=True)

    def start(self) -> None:
        """Start the threads; neither the database nor the mirror's store is waited for."""
        self._thread.start()
        if self._mirror is not None:
            self._mirror_at = time.monotonic() + self._mirror_seconds
            self._mirror.start()

    def put(self, row: Row) -> None:
        """Take a row, or what makes it, which is called in the writer's thread. Never blocks, never raises.

        From any thread; after `close` the row is lost, and counted.
        """
        if self._closed:
            self._lost += 1
            self._last_error = "a prediction came after the writer was closed"
            return
        # While the journal takes rows, a burst only waits to be spilled.
        if self._journal_error is not None and len(self._queue) >= self._queue_rows * MEMORY_FACTOR:
            self._lost += 1
            self._last_error = "database down, journal's disk full and memory's bound reached: rows are lost"
            return
        self._queue.append(row)
        if len(self._queue) == self._batch_rows and self._loop is not None and self._wake is not None:
            with contextlib.suppress(RuntimeError):  # the loop has just ended: close() writes what is queued
                self._loop.call_soon_threadsafe(self._wake.set)

    def stats(self) -> WriterStats:
        mirror = self._mirror.stats() if self._mirror is not None else MirrorStats()
        return WriterStats(
            queued=len(self._queue) + len(self._inserting),
            written=self._written,
            spilled=self._spilled,
            replayed=self._replayed,
            lost=self._lost + self._journal.damaged,
            journal_rows=self._journal.rows,
            journal_bytes=self._journal.bytes,
            database_up=self._connected,
            last_error=self._last_error,
            last_write=self._last_write,
            mirrored_rows=mirror.rows,
            mirrored_bytes=mirror.bytes,
            mirror_failures=mirror.failures,
            adopted=mirror.adopted,
        )

    def close(self, timeout: float = 10.0) -> None:
        """Write what is queued to the database, or to the journal when that cannot be done within `timeout` seconds.

        With a mirror the database gets half of the time, and the copies of what the journal holds the rest.
        """
        end = time.monotonic() + timeout
        if self._mirror is not None:
            timeout /= 2
        self._deadline = time.monotonic() + timeout
        self._closing.set()
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it has ended
                self._loop.call_soon_threadsafe(self._hurry)
        if self._thread.is_alive():
            self._thread.join(timeout + GRACE_SECONDS)
        self._closed = True
        if self._thread.is_alive():
            log.error("prediction log: the writer's thread does not end")
        else:
            self._spill_all()
            self._journal.rotate()
            self._keep_copies()
        if self._mirror is not None and self._mirror.close(max(0.1, end - time.monotonic())):
            log.error("prediction log: %d rows are in %s only", self._journal.rows, self._journal.folder)
        if self._queue:
            self._lost += len(self._queue)
            log.error("prediction log: %d rows lost: %s", len(self._queue), self._last_error)
            self._queue.clear()

    def _hurry(self) -> None:
        """End the pause, and hold an insert that is under way to the deadline."""
        if self._wake is not None:
            self._wake.set()
        if self._limit is not None:
            self._limit.reschedule(asyncio.get_running_loop().time() + self._patience())

    def _main(self) -> None:
        asyncio.run(self._run())

    async def _run(self) -> None:
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        guard = asyncio.create_task(self._guard())
        try:
            while not self._closing.is_set():
                if not self._connected:
                    await self._insert([])  # so that `stats` tells a dead database before the first row comes
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), self._flush_seconds)
                self._wake.clear()
                await self._flush()
                await self._replay()
            await self._flush()
        finally:
            guard.cancel()
            if self._segment is not None:
                self._segment.release()
            await self._sink.close()
            self._connected = False

    async def _guard(self) -> None:
        """Spill what an insert holds up or is above the bound, and mirror it, also while the insert is waited for."""
        while True:
            await asyncio.sleep(GUARD_SECONDS if self._journal_error is None else HELD_SECONDS)
            if time.monotonic() >= self._held_at:
                self._held_at = time.monotonic() + HELD_SECONDS
                self._spill_held()
            else:
                self._spill_above(self._queue_rows)
            if self._mirror is not None and time.monotonic() >= self._mirror_at:
                self._mirror_at = time.monotonic() + self._mirror_seconds
                if self._journal.rows:
                    self._journal.rotate()
                    self._keep_copies()

    def _keep_copies(self) -> None:
        if self._mirror is not None:
            self._mirror.keep(self._journal.sealed(self._mirror.known))

    async def _flush(self) -> None:
        """Write what is queued now, and whole batches that come meanwhile; spill it where the database is down.

        The few rows that come during an insert wait for others: an insert costs more than its few rows do.
        """
        left = len(self._queue)
        while self._queue and (left > 0 or len(self._queue) >= self._batch_rows):
            if time.monotonic() >= self._deadline:
                self._spill_all()
                return
            batch = self._take(self._batch_rows)
            self._inserting = batch
            try:
                taken = await self._insert(batch)
                if taken is None:
                    if self._spill(self._inserting):
                        self._spill_all()
                    return
                self._written += taken
                self._last_write = datetime.now(UTC)
            finally:
                self._inserting = []
            left -= self._batch_rows

    async def _replay(self) -> None:
        """Bring journal rows to the database, a few batches between flushes."""
        if not self._connected and not (self._journal.rows and time.monotonic() >= self._retry_at):
            return
        if self._segment is None:
            self._journal.rotate()
            self._segment = self._journal.claim()
        if self._segment is None:
            return
        for batch in self._segment.batches(self._batch_rows):
            taken = None if self._closing.is_set() else await self._insert(batch)
            if taken is None:
                self._segment.release()
                self._segment = None
                return
            self._replayed += taken
            await self._flush()
        self._segment.finish()
        if self._mirror is not None:
            self._mirror.drop(self._segment.name)
        self._segment = None
        if self._journal.rows and self._wake is not None:
            self._wake.set()

    async def _insert(self, records: list[PredictionRecord]) -> int | None:
        """How many rows the database has taken, all but those whose content it refuses; None when it is down."""
        if not self._connected and time.monotonic() < self._retry_at:
            return None
        self._held_at = time.monotonic() + HELD_SECONDS
        try:
            async with asyncio.timeout(self._patience()) as self._limit:
                taken = await self._send(records)
        except Exception as error:  # drivers raise families of their own; whichever it is, the rows are spilled
            self._went_down(error)
            await self._sink.close()
            return None
        finally:
            self._limit = None
            self._held_at = float("inf")
        self._pause = RETRY_SECONDS[0]
        return taken

    def _take(self, count: int) -> list[PredictionRecord]:
        """The oldest rows of the queue, made now where they were put off, without those that no database could hold."""
        rows = [self._queue.popleft() for _ in range(min(count, len(self._queue)))]
        good = []
        for number, row in enumerate(rows, 1):
            try:
                record = row if isinstance(row, PredictionRecord) else row()
            except Exception as error:  # of whoever made the row; the others are to be written
                self._lose(f"a prediction's row could not be made: {type(error).__name__}: {error}")
                continue
            reason = check(record)
            if reason is None:
                good.append(record)
            else:
                self._refused(record, reason)
            if not number % SLICE_ROWS:
                time.sleep(SLICE_PAUSE)
        return good

    def _refused(self, record: PredictionRecord, reason: str) -> None:
        self._lose(f"prediction {record.id} cannot be stored: {reason}")

    def _lose(self, said: str) -> None:
        self._lost += 1
        self._last_error = said
        log.error(said)

    def _patience(self) -> float:
        return max(0.1, min(self._insert_seconds, self._deadline - time.monotonic()))

    async def _send(self, records: list[PredictionRecord]) -> int:
        if not self._connected:
            await self._sink.connect()
            self._connected = True
            log.info("prediction log: connected to %s", shown(self._url))
        return await insert_all(self._sink, records, self._refused)

    def _went_down(self, error: BaseException) -> None:
        self._connected = False
        self._retry_at = time.monotonic() + self._pause
        self._pause = min(self._pause * 2, RETRY_SECONDS[1])
        reason = f"{shown(self._url)}: {problem(error)}"
        if reason != self._last_error:
            log.warning("prediction log: database down, rows go to %s: %s", self._journal.folder, reason)
        self._last_error = reason

    def _journalled(self, records: list[PredictionRecord]) -> bool:
        """Journal the rows; False when its disk is full."""
        if not records:
            return True
        try:
            self._journal.append(records)
        except OSError as error:
            reason = f"journal {self._journal.folder}: {error.strerror or error}; free some disk space"
            if reason != self._journal_error:  # told once, not at each of many tries a second
                log.error(reason)
            self._last_error = self._journal_error = reason
            return False
        self._journal_error = None
        self._spilled += len(records)
        return True

    def _spill(self, records: list[PredictionRecord]) -> bool:
        """Journal the rows; when its disk is full they go back to the head of the queue."""
        journalled = self._journalled(records)
        if not journalled:
            self._queue.extendleft(reversed(records))
        return journalled

    def _spill_above(self, rows: int) -> None:
        """Leave so many rows in the queue; by batches, so that a try with a full disk costs no more than one."""
        while (excess := len(self._queue) - rows) > 0:
            if not self._spill(self._take(min(excess, self._batch_rows))):
                return

    def _spill_all(self) -> None:
        self._spill_above(0)

    def _spill_held(self) -> None:
        """The batch that is under way too: a row that the database then takes as well stands there once.

        In one write with the oldest of the queue, which would otherwise wait for the first one's sync.
        """
        oldest = self._take(self._batch_rows)
        if self._journalled([*self._inserting, *oldest]):
            self._inserting = []
            self._spill_all()
        else:
            self._queue.extendleft(reversed(oldest))
