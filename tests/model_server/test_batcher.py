"""The batcher's shell: order, isolation of faults, cancellation, overload, closing; over a fake engine."""

import asyncio
import threading
import time
from collections.abc import Sequence

import numpy as np
import pytest

from model_release import Encoding
from model_server.admission import DrainRate, Limits
from model_server.batcher import Batcher, BatchReport, EngineFailure
from model_server.errors import DeadlineExceeded, Overloaded, Unavailable
from model_server.timing import recording

POISON = 666
Row = tuple[np.ndarray, np.ndarray]


def encoding(value: int, tokens: int = 8) -> Encoding:
    return Encoding([value] * tokens, tokens, False)


class FakeEngine:
    """Echoes each row's first id; fails on a batch that holds the poison; can be held."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.reports: list[BatchReport] = []
        self.refused: list[tuple[str, int]] = []
        self.free = threading.Event()
        self.free.set()
        self.entered = threading.Event()

    def forward(self, encodings: Sequence[Encoding]) -> list[Row]:
        values = [row.ids[0] for row in encodings]
        self.batches.append(values)
        self.entered.set()
        assert self.free.wait(20)
        if POISON in values:
            raise ValueError("poison")
        rows = np.array(values, dtype=np.float32)[:, None]
        return list(zip(np.repeat(rows, 2, axis=1), np.repeat(rows + 0.5, 4, axis=1), strict=True))

    def batcher(
        self,
        *,
        max_tokens: int = 64,
        max_waiting: int = 1000,
        max_wait: float = 1e6,
        speed: float = 0.0,
        streams: int = 1,
    ) -> Batcher:
        return Batcher(
            self.forward,
            max_tokens=max_tokens,
            limits=Limits(max_waiting, max_wait),
            on_batch=self.reports.append,
            on_refused=lambda reason, texts: self.refused.append((reason, texts)),
            tokens_per_second=speed,
            streams=streams,
        )

    async def hold(self, batcher: Batcher) -> "asyncio.Task[list]":
        """A request that keeps the engine busy until `free` is set."""
        self.free.clear()
        self.entered.clear()
        task = asyncio.create_task(batcher.submit([encoding(0)]))
        assert await asyncio.to_thread(self.entered.wait, 20)
        return task


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


def first_ids(rows: list) -> list[int]:
    return [int(logits[0]) for logits, _ in rows]


async def test_answers_come_in_the_order_of_the_request_under_concurrency(engine):
    batcher = engine.batcher()
    requests = [
        [encoding(100 * request + row, 4 + (7 * row) % 40) for row in range(request % 6 + 1)] for request in range(60)
    ]
    answers = await asyncio.gather(*(batcher.submit(request) for request in requests[:30]))
    answers += await asyncio.gather(*(batcher.submit(request) for request in requests[30:]))
    for request, rows in zip(requests, answers, strict=True):
        assert first_ids(rows) == [row.ids[0] for row in request]
        assert all(embedding[0] == logits[0] + 0.5 for logits, embedding in rows)
    sent = [row.ids[0] for request in requests for row in request]
    assert sorted(value for batch in engine.batches for value in batch) == sorted(sent)
    assert max(map(len, engine.batches)) > 1  # they did ride together
    await asyncio.to_thread(batcher.close)


async def test_requests_of_the_same_moment_ride_together_from_the_first_one_on(engine):
    """Also those whose bytes the event loop reads, and whose tasks it starts, while the first one queues."""
    batcher = engine.batcher(max_tokens=200)
    loop = asyncio.get_running_loop()
    late: list[asyncio.Task[list[Row]]] = []

    def data_received() -> None:
        late.append(loop.create_task(batcher.submit([encoding(9)])))

    first = [asyncio.create_task(batcher.submit([encoding(value)])) for value in range(3)]
    loop.call_soon(data_received)  # after the three have queued
    await asyncio.gather(*first)
    await asyncio.gather(*late)
    assert engine.batches == [[0, 1, 2, 9]]
    await asyncio.to_thread(batcher.close)


async def test_each_stream_runs_a_batch_of_its_own_at_the_same_time():
    together, batches = threading.Barrier(3, timeout=20), []

    def forward(encodings: Sequence[Encoding]) -> list[Row]:
        values = [row.ids[0] for row in encodings]
        batches.append(values)
        together.wait()  # it passes only while all three streams are in the engine
        rows = np.array(values, dtype=np.float32)[:, None]
        return list(zip(np.repeat(rows, 2, axis=1), rows, strict=True))

    batcher = Batcher(
        forward,
        max_tokens=8,  # one text a batch
        limits=Limits(100, 1e6),
        on_batch=lambda _: None,
        on_refused=lambda *_: None,
        streams=3,
    )
    assert first_ids(await batcher.submit([encoding(value) for value in range(6)])) == list(range(6))
    assert len(batches) == 6
    await asyncio.to_thread(batcher.close)


async def test_a_batch_counts_for_its_part_of_the_engine_also_while_the_other_streams_rest(engine):
    held, seen = 0.05, []

    class Recorded(DrainRate):
        def measured(self, tokens: int, seconds: float) -> None:
            seen.append((tokens, seconds))

    def forward(encodings: Sequence[Encoding]) -> list[Row]:
        time.sleep(held)
        return engine.forward(encodings)

    batcher = engine.batcher(streams=4)
    batcher._forward, batcher._rate = forward, Recorded()
    began = time.monotonic()
    await batcher.submit([encoding(1, 10)])
    await asyncio.to_thread(batcher.close)
    ((tokens, seconds),) = seen
    assert tokens == 10 and held / 4 <= seconds <= (time.monotonic() - began) / 4


async def test_streams_keep_order_and_isolation(engine):
    batcher = engine.batcher(max_tokens=16, streams=4)
    requests = [[encoding(100 * request + row) for row in range(5)] for request in range(1, 40)]
    tasks = [asyncio.create_task(batcher.submit(request)) for request in requests]
    bad = asyncio.create_task(batcher.submit([encoding(POISON)]))
    for request, task in zip(requests, tasks, strict=True):
        assert first_ids(await task) == [row.ids[0] for row in request]
    with pytest.raises(EngineFailure):
        await bad
    await asyncio.to_thread(batcher.close)


async def test_reports_count_rows_tokens_and_padding(engine):
    batcher = engine.batcher()
    held = await engine.hold(batcher)
    waiting = asyncio.create_task(batcher.submit([encoding(1, 4), encoding(2, 10), encoding(3, 40)]))
    await asyncio.sleep(0)
    assert batcher.waiting == 3 and batcher.oldest_age >= 0
    engine.free.set()
    await asyncio.gather(held, waiting)
    assert [(report.rows, report.tokens, report.padded_tokens) for report in engine.reports] == [
        (1, 8, 8),
        (2, 14, 20),
        (1, 40, 40),
    ]
    assert batcher.waiting == 0 and batcher.oldest_age == 0
    await asyncio.to_thread(batcher.close)


async def test_one_poison_text_fails_alone(engine):
    batcher = engine.batcher()
    held = await engine.hold(batcher)
    good = [asyncio.create_task(batcher.submit([encoding(value)])) for value in (1, 2, 3)]
    bad = asyncio.create_task(batcher.submit([encoding(POISON)]))
    engine.free.set()
    assert [first_ids(await task) for task in (held, *good)] == [[0], [1], [2], [3]]
    with pytest.raises(EngineFailure, match="ValueError"):
        await bad
    assert first_ids(await batcher.submit([encoding(9)])) == [9]  # and the engine's thread lives
    await asyncio.to_thread(batcher.close)


async def test_a_cancelled_request_leaves_the_queue(engine):
    batcher = engine.batcher()
    held = await engine.hold(batcher)
    gone = asyncio.create_task(batcher.submit([encoding(7), encoding(8)]))
    stays = asyncio.create_task(batcher.submit([encoding(9)]))
    await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    engine.free.set()
    assert first_ids(await held) == [0] and first_ids(await stays) == [9]
    assert engine.batches == [[0], [9]]
    await asyncio.to_thread(batcher.close)


async def test_cancelled_texts_do_not_count_against_the_queue(engine):
    batcher = engine.batcher(max_waiting=2)
    held = await engine.hold(batcher)
    gone = asyncio.create_task(batcher.submit([encoding(1), encoding(2)]))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    assert batcher.waiting == 0
    stays = asyncio.create_task(batcher.submit([encoding(3), encoding(4)]))
    await asyncio.sleep(0)
    engine.free.set()
    assert first_ids(await stays) == [3, 4]
    await held
    await asyncio.to_thread(batcher.close)


async def test_a_request_cancelled_in_the_engine_harms_nobody(engine):
    batcher = engine.batcher()
    held = await engine.hold(batcher)
    held.cancel()
    await asyncio.gather(held, return_exceptions=True)
    engine.free.set()
    assert first_ids(await batcher.submit([encoding(5)])) == [5]
    await asyncio.to_thread(batcher.close)


async def test_a_full_queue_refuses_at_once_and_queues_nothing(engine):
    batcher = engine.batcher(max_waiting=3)
    held = await engine.hold(batcher)
    waiting = asyncio.create_task(batcher.submit([encoding(1), encoding(2)]))
    await asyncio.sleep(0)
    with pytest.raises(Overloaded) as refused:
        await batcher.submit([encoding(3), encoding(4)])
    assert refused.value.retry_after is not None and 1 <= refused.value.retry_after <= 60
    assert batcher.waiting == 2
    fits = asyncio.create_task(batcher.submit([encoding(5)]))  # the last place is still given
    await asyncio.sleep(0)
    engine.free.set()
    assert [first_ids(await task) for task in (held, waiting, fits)] == [[0], [1, 2], [5]]
    assert sorted(value for batch in engine.batches for value in batch) == [0, 1, 2, 5]
    await asyncio.to_thread(batcher.close)


async def test_a_request_larger_than_the_queue_is_taken_when_nothing_waits(engine):
    """Else it could never be answered; while it waits, others are told that the server is full."""
    batcher = engine.batcher(max_waiting=3)
    held = await engine.hold(batcher)
    large = asyncio.create_task(batcher.submit([encoding(value) for value in range(1, 11)]))
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await batcher.submit([encoding(20)])
    engine.free.set()
    await held
    assert first_ids(await large) == list(range(1, 11))
    assert first_ids(await batcher.submit([encoding(20)])) == [20]
    await asyncio.to_thread(batcher.close)


async def test_closing_answers_what_is_queued_and_takes_no_more(engine):
    batcher = engine.batcher()
    held = await engine.hold(batcher)
    waiting = [asyncio.create_task(batcher.submit([encoding(value, value * 9)])) for value in (1, 2, 3)]
    await asyncio.sleep(0)
    closing = asyncio.create_task(asyncio.to_thread(batcher.close))
    while not batcher._closed:
        await asyncio.sleep(0.01)
    with pytest.raises(Unavailable):
        await batcher.submit([encoding(4)])
    engine.free.set()
    assert [first_ids(await task) for task in (held, *waiting)] == [[0], [1], [2], [3]]
    await closing
    assert not any(thread.name == "engine" and thread.is_alive() for thread in threading.enumerate())


async def test_a_wait_over_the_budget_is_refused_before_anything_is_queued(engine):
    batcher = engine.batcher(max_wait=0.5, speed=100.0)
    held = await engine.hold(batcher)
    first = asyncio.create_task(batcher.submit([encoding(1, 100)]))  # nothing waits yet: taken
    await asyncio.sleep(0)
    assert batcher.predicted_wait == pytest.approx(1.08, abs=0.2)
    with pytest.raises(Overloaded) as refused:
        await batcher.submit([encoding(2)])
    assert refused.value.retry_after == 1 and "wait" in str(refused.value)
    with pytest.raises(Overloaded):
        batcher.check(1)
    assert batcher.waiting == 1 and engine.refused == [("wait", 1), ("wait", 1)]
    engine.free.set()
    assert [first_ids(await task) for task in (held, first)] == [[0], [1]]
    assert first_ids(await batcher.submit([encoding(2)])) == [2]
    await asyncio.to_thread(batcher.close)


async def test_a_deadline_before_its_turn_is_refused_at_once(engine):
    batcher = engine.batcher(speed=100.0)
    held = await engine.hold(batcher)
    first = asyncio.create_task(batcher.submit([encoding(1, 100)]))
    await asyncio.sleep(0)
    with pytest.raises(DeadlineExceeded):
        await batcher.submit([encoding(2)], time.monotonic() + 0.5)
    in_time = asyncio.create_task(batcher.submit([encoding(3)], time.monotonic() + 60))
    await asyncio.sleep(0)
    engine.free.set()
    assert [first_ids(await task) for task in (held, first, in_time)] == [[0], [1], [3]]
    assert [value for batch in engine.batches for value in batch] == [0, 1, 3]
    await asyncio.to_thread(batcher.close)


async def test_what_cannot_be_done_in_time_leaves_the_queue_unrun(engine):
    """One that has expired, and one whose own tokens take longer than it has; both requests fail whole."""
    batcher = engine.batcher()
    held = await engine.hold(batcher)
    engine.reports.clear()
    expired = asyncio.create_task(batcher.submit([encoding(1), encoding(2)], time.monotonic() + 0.05))
    patient = asyncio.create_task(batcher.submit([encoding(3)], time.monotonic() + 60))
    await asyncio.sleep(0.1)
    engine.free.set()
    assert [first_ids(await task) for task in (held, patient)] == [[0], [3]]
    with pytest.raises(DeadlineExceeded):
        await expired
    assert engine.batches == [[0], [3]] and engine.refused == [("deadline", 2)]
    await asyncio.to_thread(batcher.close)


async def test_a_text_too_long_for_its_deadline_is_dropped_for_those_that_are_not(engine):
    batcher = engine.batcher(max_tokens=1000, speed=1000.0)
    held = await engine.hold(batcher)
    hopeless = asyncio.create_task(batcher.submit([encoding(1, 50_000)], time.monotonic() + 30))
    fine = asyncio.create_task(batcher.submit([encoding(2)]))
    await asyncio.sleep(0)
    engine.free.set()
    assert [first_ids(await task) for task in (held, fine)] == [[0], [2]]
    with pytest.raises(DeadlineExceeded):
        await hopeless
    assert engine.batches == [[0], [2]]
    await asyncio.to_thread(batcher.close)


async def test_an_estimate_alone_never_empties_the_queue(engine):
    """A wrong rate would else refuse every short deadline for good, and nothing would correct it."""
    batcher = engine.batcher(max_tokens=1000, speed=1e-3)
    assert first_ids(await batcher.submit([encoding(1)], time.monotonic() + 20)) == [1]
    for value in range(2, 40):
        assert first_ids(await batcher.submit([encoding(value, 100)], time.monotonic() + 20)) == [value]
    assert batcher.tokens_per_second > 100
    await asyncio.to_thread(batcher.close)


async def test_a_batch_tells_what_its_texts_waited(engine):
    batcher = engine.batcher()
    held = await engine.hold(batcher)
    waiting = asyncio.create_task(batcher.submit([encoding(1), encoding(2)]))
    await asyncio.sleep(0.05)
    engine.free.set()
    await asyncio.gather(held, waiting)
    assert [len(report.waited) for report in engine.reports] == [1, 2]
    assert all(seconds >= 0.05 for seconds in engine.reports[1].waited)
    await asyncio.to_thread(batcher.close)


async def test_what_a_prediction_was_wrong_by_is_added_to_the_next(engine):
    batcher = engine.batcher(max_wait=0.5, speed=1000.0)
    held = await engine.hold(batcher)  # the engine stalls
    first = asyncio.create_task(batcher.submit([encoding(1)]))
    await asyncio.sleep(0.6)
    assert batcher.predicted_wait > 0.5
    with pytest.raises(Overloaded):
        await batcher.submit([encoding(2)])
    engine.free.set()
    assert [first_ids(await task) for task in (held, first)] == [[0], [1]]
    assert batcher.predicted_wait < 0.1
    await asyncio.to_thread(batcher.close)


async def test_a_request_is_told_its_time_in_the_queue_and_in_the_engine(engine):
    batcher = engine.batcher()
    held = await engine.hold(batcher)
    with recording() as phases:
        waiting = asyncio.create_task(batcher.submit([encoding(1), encoding(2)]))
        await asyncio.sleep(0.1)
        engine.free.set()
        await asyncio.gather(held, waiting)
    (queue, since, taken), (ran, began, ended) = phases
    assert (queue, ran) == ("queue", "engine")
    assert taken - since >= 0.09 and began == taken < ended


async def test_a_request_that_leaves_the_queue_was_in_no_engine(engine):
    batcher = engine.batcher()
    held = await engine.hold(batcher)
    with recording() as phases:
        waiting = asyncio.create_task(batcher.submit([encoding(1)]))
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    engine.free.set()
    await held
    assert [name for name, _, _ in phases] == ["queue"]
