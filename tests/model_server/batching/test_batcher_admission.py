"""Requests that the batcher refuses, drops or admits: the queue's limits, predicted waits, deadlines; over a fake engine."""

import asyncio
import time

import pytest
from kit.fake_engine import encoding, first_ids

from model_server.errors import DeadlineExceeded, Overloaded


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
    """Otherwise such a request could never be answered; while it waits, other requests are refused."""
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


async def test_requests_that_cannot_finish_in_time_leave_the_queue_unrun(engine):
    """A request that has expired, and one whose tokens take longer than its time left; both fail whole."""
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
    assert engine.batches == [[0], [3]]
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


async def test_a_predictions_error_is_added_to_the_next(engine):
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
