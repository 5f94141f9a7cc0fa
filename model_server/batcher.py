"""The shell around the batching policy: requests of the event loop in, one engine thread, answers back."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from model_release import Encoding
from model_release.engine import FloatArray
from model_server.batching import BatchQueue
from model_server.errors import Overloaded, ServingError, Unavailable

log = logging.getLogger("model_server")
Forward = Callable[[Sequence[Encoding]], tuple[FloatArray, FloatArray]]
Row = tuple[FloatArray, FloatArray]  # logits f32[2], embedding f32[h]


@dataclass(frozen=True, slots=True)
class BatchReport:
    """A batch that ran: its rows, its tokens without and with padding, how long the engine took."""

    rows: int
    tokens: int
    padded_tokens: int
    seconds: float


@dataclass(slots=True, eq=False)
class _Job:
    encoding: Encoding
    future: asyncio.Future[Row]


class EngineFailure(ServingError):
    """The engine failed on this text."""


class Batcher:
    """Queue encodings and run them in batches on one thread.

    Args:
        forward: the engine's call for one batch; only this thread calls it.
        max_tokens: the batch's budget, padding counted.
        max_waiting: texts that may wait; `submit` refuses what would go over it.
        on_batch: told of each batch, on the engine's thread.
    """

    def __init__(
        self, forward: Forward, *, max_tokens: int, max_waiting: int, on_batch: Callable[[BatchReport], None]
    ) -> None:
        self._forward, self._on_batch, self._max_waiting = forward, on_batch, max_waiting
        self._queue: BatchQueue[_Job] = BatchQueue(max_tokens, lambda job: job.future.cancelled())
        self._work = threading.Condition()
        self._closed = False
        self._tokens_per_second = 0.0
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        return len(self._queue)

    @property
    def oldest_age(self) -> float:
        """Seconds that the longest waiting text has waited."""
        oldest = self._queue.oldest
        return time.monotonic() - oldest if oldest is not None else 0.0

    async def submit(self, encodings: Sequence[Encoding]) -> list[Row]:
        """Logits and embedding of each encoding, in order. Cancelling the caller takes them out of the queue.

        Raises:
            Overloaded: the queue has no room; nothing was queued.
            Unavailable: the batcher is closed.
            EngineFailure: the engine failed on one of them, tried alone.
        """
        jobs = [_Job(encoding, self._loop.create_future()) for encoding in encodings]
        now = time.monotonic()
        with self._work:
            if self._closed:
                raise Unavailable("the server is stopping; ask another replica")
            if self._queue and len(self._queue) + len(jobs) > self._max_waiting:
                raise Overloaded(f"{len(self._queue)} texts wait already; try again later", self._drain_seconds())
            for job in jobs:
                self._queue.add(job, len(job.encoding.ids), now)
            self._work.notify()
        try:
            return list(await asyncio.gather(*(job.future for job in jobs)))
        except BaseException:  # the caller was cancelled, or the engine failed on one: nobody waits for the others
            for job in jobs:
                job.future.cancel()
            with self._work:
                self._queue.forget_dropped()
            raise

    def _drain_seconds(self) -> int:
        """How long what waits will take at the speed measured so far, in whole seconds, 1 to 60."""
        speed = self._tokens_per_second
        return int(np.clip(np.ceil(self._queue.tokens / speed) if speed else 1, 1, 60))

    def _run(self) -> None:
        while True:
            with self._work:
                while not len(self._queue) and not self._closed:
                    self._work.wait()
                batch = [entry.item for entry in self._queue.take()]
                if not batch and self._closed:
                    return
            if batch:
                self._loop.call_soon_threadsafe(_settle, self._answer(batch))

    def _answer(self, batch: list[_Job]) -> list[tuple[_Job, Row | Exception]]:
        encodings = [job.encoding for job in batch]
        started = time.perf_counter()
        try:
            logits, embedding = self._forward(encodings)
        except Exception as error:  # whatever the engine raises must not end its thread
            if len(batch) == 1:
                log.exception("the engine failed on a text of %d tokens", len(encodings[0].ids))
                return [(batch[0], EngineFailure(f"the engine failed: {type(error).__name__}"))]
            return [outcome for job in batch for outcome in self._answer([job])]
        seconds = time.perf_counter() - started
        lengths = [len(encoding.ids) for encoding in encodings]
        report = BatchReport(len(batch), sum(lengths), len(batch) * max(lengths), seconds)
        speed = report.padded_tokens / max(seconds, 1e-6)
        self._tokens_per_second = 0.9 * self._tokens_per_second + 0.1 * speed if self._tokens_per_second else speed
        self._on_batch(report)
        return [(job, (logits[row], embedding[row])) for row, job in enumerate(batch)]

    def close(self) -> None:
        """Answer what is queued, then end the thread."""
        with self._work:
            self._closed = True
            self._work.notify()
        self._thread.join(30)


def _settle(outcomes: list[tuple[_Job, Row | Exception]]) -> None:
    for job, outcome in outcomes:
        if job.future.done():
            continue
        if isinstance(outcome, Exception):
            job.future.set_exception(outcome)
        else:
            job.future.set_result(outcome)
