"""The batcher's shell: order, isolation of faults, cancellation, closing, reports; over a fake engine."""

import asyncio
import threading
import time
from collections.abc import Sequence

import numpy as np
import pytest
from kit.fake_engine import POISON, Row, encoding, first_ids

from model_release import Encoding
from model_server.batching.admission import DrainRate, Limits
from model_server.batching.batcher import Batcher, EngineFailure
from model_server.errors import Unavailable
from model_server.phases import Phases


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
    assert max(map(len, engine.batches)) > 1  # requests did share batches
    await asyncio.to_thread(batcher.close)


async def test_requests_of_the_same_moment_share_a_batch_from_the_first_one_on(engine):
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


async def test_streams_run_separate_batches_at_the_same_time():
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

    batcher = Batcher(
        forward,
        max_tokens=40,
        limits=Limits(100, 1e6),
        on_batch=lambda _: None,
        on_refused=lambda *_: None,
        rate=Recorded(),
        streams=4,
    )
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


async def test_a_request_cancelled_in_the_engine_harms_nobody(engine):
    batcher = engine.batcher()
    held = await engine.hold(batcher)
    held.cancel()
    await asyncio.gather(held, return_exceptions=True)
    engine.free.set()
    assert first_ids(await batcher.submit([encoding(5)])) == [5]
    await asyncio.to_thread(batcher.close)


async def test_closing_answers_what_is_queued_and_takes_no_more(engine):
    batcher = engine.batcher()
    held = await engine.hold(batcher)
    waiting = [asyncio.create_task(batcher.submit([encoding(value, value * 9)])) for value in (1, 2, 3)]
    await asyncio.sleep(0)
    closing = asyncio.create_task(asyncio.to_thread(batcher.close))
    with pytest.raises(Unavailable):
        while True:
            batcher.check(1)
            await asyncio.sleep(0.01)
    with pytest.raises(Unavailable):
        await batcher.submit([encoding(4)])
    engine.free.set()
    assert [first_ids(await task) for task in (held, *waiting)] == [[0], [1], [2], [3]]
    await closing
    assert not any(thread.name == "engine" and thread.is_alive() for thread in threading.enumerate())


async def test_a_batch_reports_how_long_its_texts_waited(engine):
    batcher = engine.batcher()
    held = await engine.hold(batcher)
    waiting = asyncio.create_task(batcher.submit([encoding(1), encoding(2)]))
    await asyncio.sleep(0.05)
    engine.free.set()
    await asyncio.gather(held, waiting)
    assert [len(report.waited) for report in engine.reports] == [1, 2]
    assert all(seconds >= 0.05 for seconds in engine.reports[1].waited)
    await asyncio.to_thread(batcher.close)


async def test_a_request_gets_its_time_in_the_queue_and_in_the_engine(engine):
    batcher = engine.batcher()
    held = await engine.hold(batcher)
    phases: Phases = []
    waiting = asyncio.create_task(batcher.submit([encoding(1), encoding(2)], phases=phases))
    await asyncio.sleep(0.1)
    engine.free.set()
    await asyncio.gather(held, waiting)
    (queue, since, taken), (ran, began, ended) = phases
    assert (queue, ran) == ("queue", "engine")
    assert taken - since >= 0.09 and began == taken < ended


async def test_a_request_that_leaves_the_queue_was_in_no_engine(engine):
    batcher = engine.batcher()
    held = await engine.hold(batcher)
    phases: Phases = []
    waiting = asyncio.create_task(batcher.submit([encoding(1)], phases=phases))
    await asyncio.sleep(0.05)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    engine.free.set()
    await held
    assert [name for name, _, _ in phases] == ["queue"]
