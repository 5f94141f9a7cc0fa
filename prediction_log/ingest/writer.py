"""The writer: a queue takes rows off the request path; a thread writes them to the database or the journal."""

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

INSERT_SECONDS = 10.0  # a database that does not accept a batch in this time counts as down
RETRY_SECONDS = (0.25, 10.0)  # first and longest pause before the database is tried again
GUARD_SECONDS = 0.05
HELD_SECONDS = 0.5  # rows that an insert delays this long are journalled: a killed process loses its memory
# After each slice of rows the thread yields the interpreter's lock. It never blocks while it makes rows, and would
# otherwise yield the lock only after the interpreter's switch interval of 5 ms.
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
    database when it answers again. A row that was written twice is in the table once.

    Args:
        url: DATABASE_URL.
        spill_dir: folder of the journal; several writers may share it.
        queue_rows: rows kept in memory; the oldest rows above it are spilled.
        batch_rows: most rows in one insert.
        flush_seconds: how long a row waits for others before it is written.
        spill_uri: SPILL_URI, where the journal is mirrored while it holds rows; no mirror by default.
        owner: this writer's name there; the host name (in a cluster, the pod's name) by default.

    Raises:
        LogError: `url` or `spill_uri` cannot be used.
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
        """Start the threads without waiting for the database or the mirror's store."""
        self._thread.start()
        if self._mirror is not None:
            self._mirror_at = time.monotonic() + self._mirror_seconds
            self._mirror.start()

    def put(self, row: Row) -> None:
        """Queue a row, or a function that the writer's thread calls to make it. Never blocks, never raises.

        Safe from any thread. A row put after `close` is lost and counted.
        """
        if self._closed:
            self._lost += 1
            self._last_error = "a prediction was logged after the writer was closed"
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
        """Write queued rows to the database within `timeout` seconds, and the remaining ones to the journal.

        With a mirror, the database gets half of the time and copying the journal the rest.
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
            log.error("prediction log: the writer's thread did not end")
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
        """End the pause, and limit an insert in progress to the deadline."""
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
                    await self._insert([])  # so that `stats` reports a dead database before the first row
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
        """Spill and mirror rows that an insert delays or that exceed the queue's limit, even during an insert."""
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
        """Write the rows queued now and any full batches that arrive meanwhile; spill them if the database is down.

        A few rows that arrive during an insert wait for more: an insert costs more than its rows.
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
        """Replay journal rows into the database, flushing the queue after each batch."""
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
        """Insert rows; return the number of accepted rows, or None if the database is down."""
        if not self._connected and time.monotonic() < self._retry_at:
            return None
        self._held_at = time.monotonic() + HELD_SECONDS
        try:
            async with asyncio.timeout(self._patience()) as self._limit:
                taken = await self._send(records)
        except Exception as error:  # each driver has its own exceptions; on any of them the rows are spilled
            self._went_down(error)
            await self._sink.close()
            return None
        finally:
            self._limit = None
            self._held_at = float("inf")
        self._pause = RETRY_SECONDS[0]
        return taken

    def _take(self, count: int) -> list[PredictionRecord]:
        """Take the oldest rows of the queue, make deferred ones, and drop rows that no database can store."""
        rows = [self._queue.popleft() for _ in range(min(count, len(self._queue)))]
        good = []
        for number, row in enumerate(rows, 1):
            try:
                record = row if isinstance(row, PredictionRecord) else row()
            except Exception as error:  # from the row's maker; the other rows are still written
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

    def _lose(self, reason: str) -> None:
        self._lost += 1
        self._last_error = reason
        log.error(reason)

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
        """Journal the rows; return False if the disk is full."""
        if not records:
            return True
        try:
            self._journal.append(records)
        except OSError as error:
            reason = f"journal {self._journal.folder}: {error.strerror or error}; free some disk space"
            if reason != self._journal_error:  # logged once, not many times a second
                log.error(reason)
            self._last_error = self._journal_error = reason
            return False
        self._journal_error = None
        self._spilled += len(records)
        return True

    def _spill(self, records: list[PredictionRecord]) -> bool:
        """Journal the rows; if the disk is full, return them to the head of the queue."""
        journalled = self._journalled(records)
        if not journalled:
            self._queue.extendleft(reversed(records))
        return journalled

    def _spill_above(self, rows: int) -> None:
        """Spill all but `rows` queued rows, in batches, so that a full disk costs one failed batch."""
        while (excess := len(self._queue) - rows) > 0:
            if not self._spill(self._take(min(excess, self._batch_rows))):
                return

    def _spill_all(self) -> None:
        self._spill_above(0)

    def _spill_held(self) -> None:
        """Spill the queue and the batch in progress; inserts are idempotent, so no row is stored twice.

        One write holds the batch and the oldest queued rows, which would otherwise wait for a second sync.
        """
        oldest = self._take(self._batch_rows)
        if self._journalled([*self._inserting, *oldest]):
            self._inserting = []
            self._spill_all()
        else:
            self._queue.extendleft(reversed(oldest))
