"""Queue of the engine: requests from the event loop, one thread for each stream, answers back."""

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from model_release import Encoding
from model_server.batching.admission import Backlog, DrainRate, Limits, Reason
from model_server.batching.policy import BatchQueue
from model_server.errors import DeadlineExceeded, Overloaded, ServingError, Unavailable
from model_server.phases import Phases

log = logging.getLogger("model_server")
Row = TypeVar("Row")
CLOSE_SECONDS = 30.0  # for the texts that are queued when the batcher closes
# Turns of the event loop from a request to the engine's waking: one to read the sockets that have data, one to start
# these requests' tasks, one to let these queue. They take microseconds, and requests that
# arrive together share a batch.
WAKE_TURNS = 3


@dataclass(frozen=True, slots=True)
class BatchReport:
    """A finished batch: rows, tokens without and with padding, engine time, and the wait of each row, in seconds."""

    rows: int
    tokens: int
    padded_tokens: int
    seconds: float
    waited: tuple[float, ...] = ()


class _Request(Generic[Row]):
    """Texts submitted together: one future for all of their rows."""

    __slots__ = ("_left", "_rows", "future", "taken")

    def __init__(self, future: "asyncio.Future[list[Row]]", texts: int) -> None:
        self.future = future
        self.taken = math.inf  # when the engine took the first of them, monotonic seconds
        self._rows: list[Row | None] = [None] * texts
        self._left = texts
        if not texts:
            future.set_result([])

    def settle(self, place: int, outcome: Row | Exception) -> None:
        """Record the outcome of one text; the first failure fails the request."""
        if self.future.done():
            return
        if isinstance(outcome, Exception):
            self.future.set_exception(outcome)
            return
        self._rows[place] = outcome
        self._left -= 1
        if not self._left:
            self.future.set_result([row for row in self._rows if row is not None])


@dataclass(slots=True, eq=False)
class _Job(Generic[Row]):
    encoding: Encoding
    request: _Request[Row]
    place: int  # among the request's texts
    since: float
    deadline: float | None  # monotonic seconds, as the others
    due: float  # when its turn was predicted


class EngineFailure(ServingError):
    """The engine failed on this text."""


class Batcher(Generic[Row]):
    """Queue encodings and run them in batches, one at a time on each stream of the engine.

    Args:
        forward: the engine's call for one batch; a row for each encoding.
        streams: threads that call it at once.
        max_tokens: the batch's budget, padding counted.
        limits: limits of the queue.
        on_batch: called with each batch, on the event loop, after the tasks that wait for its answers.
        on_refused: called with the reason and number of refused texts, except for passed deadlines, which the request
            counts.
        rate: the engine's speed as measured before, so that the first burst is judged too; unknown if absent.
    """

    def __init__(
        self,
        forward: Callable[[Sequence[Encoding]], Sequence[Row]],
        *,
        max_tokens: int,
        limits: Limits,
        on_batch: Callable[[BatchReport], None],
        on_refused: Callable[[Reason, int], None],
        rate: DrainRate | None = None,
        streams: int = 1,
    ) -> None:
        self._forward, self._on_batch, self._on_refused, self._limits = forward, on_batch, on_refused, limits
        self._queue: BatchQueue[_Job[Row]] = BatchQueue(max_tokens, lambda job: job.request.future.done())
        self._rate = rate or DrainRate()
        self._running: dict[int, tuple[int, float]] = {}  # by stream: tokens in the engine, since when
        self._work = threading.Condition()
        self._closed = self._waking = False
        self._loop = asyncio.get_running_loop()
        self._threads = [
            threading.Thread(target=self._run, args=(stream,), name=f"engine-{stream}", daemon=True)
            for stream in range(streams)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        return len(self._queue)

    @property
    def oldest_age(self) -> float:
        """Wait of the oldest queued text, in seconds."""
        oldest = self._queue.oldest
        return time.monotonic() - oldest if oldest is not None else 0.0

    @property
    def tokens_per_second(self) -> float:
        """The measured drain rate; 0 while it is unknown."""
        return self._rate.per_second

    @property
    def predicted_wait(self) -> float:
        """Predicted queue wait of a text submitted now, in seconds."""
        return self._backlog(time.monotonic()).wait(self._rate.per_second)

    def _backlog(self, now: float) -> Backlog:
        running = list(self._running.values())
        tokens, since = sum(tokens for tokens, _ in running), min((since for _, since in running), default=now)
        oldest = next(iter(self._queue), None)
        overdue = 0.0 if oldest is None else now - oldest.item.due
        return Backlog(len(self._queue), self._queue.tokens, tokens, now - since, overdue)

    def check(self, texts: int, deadline: float | None = None) -> None:
        """Refuse what `submit` would refuse, before the cost of tokenising.

        Raises:
            Overloaded, Unavailable, DeadlineExceeded: as `submit`.
        """
        if self._closed:
            raise Unavailable("the server is stopping; ask another replica")
        now = time.monotonic()
        left = None if deadline is None else deadline - now
        refusal = self._limits.refusal(self._backlog(now), texts, self._rate.per_second, left)
        if refusal is None:
            return
        if refusal.reason == "deadline":
            raise DeadlineExceeded(refusal.message, refusal.retry_after)
        self._on_refused(refusal.reason, texts)
        raise Overloaded(refusal.message, refusal.retry_after)

    async def submit(
        self,
        encodings: Sequence[Encoding],
        deadline: float | None = None,
        *,
        admitted: bool = False,
        phases: Phases | None = None,
    ) -> list[Row]:
        """Return the row of each encoding, in order. Cancelling the caller removes them from the queue.

        Args:
            deadline: in monotonic seconds; encodings that cannot be run by then leave the queue.
            admitted: whether the request has been admitted already, so that the queue's limits do not apply.
            phases: a list that the times in the queue and in the engine are added to.

        Raises:
            Overloaded: the queue has no room or is too slow; nothing was queued.
            DeadlineExceeded: the deadline passes before the answer.
            Unavailable: the batcher is closed.
            EngineFailure: the engine failed on one of them, tried alone.
        """
        with self._work:
            if not admitted:
                self.check(len(encodings), deadline)
            now, rate = time.monotonic(), self._rate.per_second
            due = now + self._backlog(now).wait(rate)
            request: _Request[Row] = _Request(self._loop.create_future(), len(encodings))
            for place, encoding in enumerate(encodings):
                self._queue.add(_Job(encoding, request, place, now, deadline, due), len(encoding.ids), now)
                due += len(encoding.ids) / rate if rate else 0.0
        if not self._waking:
            self._waking = True
            self._wake(WAKE_TURNS)
        try:
            return await request.future
        except BaseException:  # the caller was cancelled, or the engine failed on one row
            with self._work:
                self._queue.forget_dropped()
            raise
        finally:
            if phases is not None:
                _record(phases, request, now)

    def _wake(self, turns: int) -> None:
        """Wake an idle stream after `turns` of the event loop."""
        if turns:
            self._loop.call_soon(self._wake, turns - 1)
            return
        self._waking = False
        with self._work:
            self._work.notify()

    def _run(self, stream: int) -> None:
        while True:
            with self._work:
                while not len(self._queue) and not self._closed:
                    self._work.wait()
                started = time.monotonic()
                late = self._too_late(started)
                batch = [entry.item for entry in self._queue.take()]
                if not batch and not late and self._closed:
                    return
                tokens = sum(len(job.encoding.ids) for job in batch)
                if batch:
                    self._running[stream] = (tokens, started)
                for job in batch:
                    job.request.taken = min(job.request.taken, started)
                if len(self._queue):
                    self._work.notify()  # another stream may be free
            if late:
                message = "the request's deadline passes before its turn"
                self._loop.call_soon_threadsafe(_settle, [(job, DeadlineExceeded(message)) for job in late])
            if batch:
                self._answer(batch, started)
                with self._work:
                    del self._running[stream]

    def _too_late(self, now: float) -> list[_Job[Row]]:
        """Remove jobs that cannot finish in time, by their tokens at the measured rate.

        An estimate alone never empties the queue: some batch still runs and is measured, which corrects a wrong rate.
        """
        if all(entry.item.deadline is None for entry in self._queue):
            return []
        late = self._queue.remove(lambda job: job.deadline is not None and job.deadline <= now)
        rate = self._rate.per_second / len(self._threads)

        def hopeless(job: _Job[Row]) -> bool:
            return job.deadline is not None and now + len(job.encoding.ids) / rate > job.deadline

        if rate and not all(hopeless(entry.item) for entry in self._queue):
            late += self._queue.remove(hopeless)
        return late

    def _answer(self, batch: list[_Job[Row]], started: float) -> None:
        """Run a batch; if the engine fails, run each text alone, so that only the text at fault fails."""
        encodings = [job.encoding for job in batch]
        before = time.perf_counter()
        try:
            rows = self._forward(encodings)
        except Exception as error:  # whatever the engine raises must not end its thread
            if len(batch) > 1:
                for job in batch:
                    self._answer([job], started)
                return
            log.exception("the engine failed on a text of %d tokens", len(encodings[0].ids))
            failure = EngineFailure(f"the engine failed: {type(error).__name__}")
            self._loop.call_soon_threadsafe(_settle, [(batch[0], failure)])
            return
        seconds = time.perf_counter() - before
        outcomes = list(zip(batch, rows, strict=True))
        self._loop.call_soon_threadsafe(self._done, outcomes, started, seconds)

    def _done(self, outcomes: list[tuple[_Job[Row], Row]], started: float, seconds: float) -> None:
        """Settle a batch, and report it in the loop's next turn, after its answers were sent."""
        _settle(outcomes)
        self._loop.call_soon(self._report, [job for job, _ in outcomes], started, seconds)

    def _report(self, batch: list[_Job[Row]], started: float, seconds: float) -> None:
        lengths = [len(job.encoding.ids) for job in batch]
        tokens, waited = sum(lengths), tuple(started - job.since for job in batch)
        # Each stream has its part of the threads whether the others work or not.
        self._rate.measured(tokens, seconds / len(self._threads))
        self._on_batch(BatchReport(len(batch), tokens, len(batch) * max(lengths), seconds, waited))

    def close(self) -> None:
        """Answer the queued texts, then end the threads."""
        with self._work:
            self._closed = True
            self._work.notify_all()
        end = time.monotonic() + CLOSE_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))


def _record(phases: Phases, request: _Request[Row], since: float) -> None:
    """Add two phases: until the engine took the request's first text, and from then to its last answer."""
    now = time.monotonic()
    phases.append(("queue", since, min(request.taken, now)))
    if request.taken < now:
        phases.append(("engine", request.taken, now))


def _settle(outcomes: Sequence[tuple[_Job[Row], Row | Exception]]) -> None:
    for job, outcome in outcomes:
        job.request.settle(job.place, outcome)
