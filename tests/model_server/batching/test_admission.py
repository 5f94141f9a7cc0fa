"""Admission: the drain rate resists stalls and follows changes; a refusal is due, and its Retry-After is enough."""

import math
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from model_server.batching.admission import Backlog, DrainRate, Limits

batches = st.lists(st.tuples(st.integers(1, 2048), st.floats(1e-4, 10)), min_size=1, max_size=80)
rates = st.floats(1, 1e6)
backlogs = st.builds(
    Backlog, st.integers(0, 600), st.integers(0, 300_000), st.integers(0, 2048), st.floats(0, 10), st.floats(-5, 5)
)


def rate_of(measured: list[tuple[int, float]]) -> float:
    rate = DrainRate()
    for tokens, seconds in measured:
        rate.measured(tokens, seconds)
    return rate.per_second


def test_without_a_batch_there_is_no_rate_and_no_wait():
    assert DrainRate().per_second == 0
    assert Backlog(10, 10_000).wait(0.0) == 0
    assert Limits(100, 0.1).refusal(Backlog(10, 10_000), 1, 0.0) is None


@given(batches, st.floats(0.1, 1e4))
def test_a_constant_speed_is_measured_exactly(measured, speed):
    assert rate_of([(tokens, tokens / speed) for tokens, _ in measured]) == pytest.approx(speed)


@given(batches)
def test_the_rate_is_one_that_some_batch_had(measured):
    recent = [tokens / seconds for tokens, seconds in measured[-32:]]
    assert min(recent) * 0.999 <= rate_of(measured) <= max(recent) * 1.001


@given(st.lists(st.integers(1, 2048), min_size=3, max_size=32), st.data())
def test_stalls_of_less_than_half_the_tokens_change_it_by_a_bounded_factor(sizes, data):
    stalled = data.draw(st.sets(st.integers(0, len(sizes) - 1)))
    assume(sum(sizes[at] for at in stalled) * 2 < sum(sizes))
    stall = data.draw(st.floats(0, 1e4))
    measured = [(tokens, tokens / 1000 + (stall if at in stalled else 0)) for at, tokens in enumerate(sizes)]
    assert 1000 / 4 * 0.999 <= rate_of(measured) <= 1000 * 1.001


@given(st.lists(st.tuples(st.integers(1, 2048), st.floats(1e-3, 10)), max_size=60), st.floats(1, 1e5))
def test_a_lasting_change_is_followed_within_the_window(before, speed):
    assert rate_of([*before, *[(512, 512 / speed)] * 32]) == pytest.approx(speed)


def test_lone_short_texts_do_not_hide_what_full_batches_reach():
    full, lone = [(1024, 0.16)] * 4, [(16, 0.0036)] * 28
    assert rate_of(full + lone) == pytest.approx(1024 / 0.16, rel=0.1)


@given(backlogs, rates)
def test_the_wait_is_the_backlog_divided_by_the_rate(backlog, rate):
    wait = backlog.wait(rate)
    error = max(0.0, backlog.overdue)
    most = (backlog.tokens + backlog.running_tokens) / rate
    assert backlog.tokens / rate + error <= wait * (1 + 1e-9) and wait <= (most + error) * (1 + 1e-9)
    assert replace(backlog, tokens=backlog.tokens + 100).wait(rate) > wait
    assert replace(backlog, overdue=error + 1).wait(rate) == pytest.approx(wait + 1)


limits = st.builds(Limits, st.integers(1, 600), st.floats(0.001, 100))


@given(limits, backlogs, st.integers(1, 300), rates, st.none() | st.floats(-1, 100))
def test_a_request_is_refused_for_a_reason_that_holds(bounds, backlog, texts, rate, time_left):
    refusal, wait = bounds.refusal(backlog, texts, rate, time_left), backlog.wait(rate)
    late = time_left is not None and wait > time_left
    full = backlog.texts + texts > bounds.max_waiting
    assert (refusal is not None) == (backlog.texts > 0 and (late or wait > bounds.max_wait or full))
    if refusal is not None:
        assert {"deadline": late, "wait": wait > bounds.max_wait, "queue": full}[refusal.reason]
        assert 1 <= refusal.retry_after <= 60 and refusal.message


@given(rates, st.floats(0.001, 100), st.floats(0.01, 58))
def test_a_retry_after_that_many_seconds_is_within_the_budget(rate, max_wait, over):
    backlog = Backlog(9, math.ceil(rate * (max_wait + over)))
    refusal = Limits(100, max_wait).refusal(backlog, 1, rate)
    wait = backlog.wait(rate)
    assert refusal.reason == "wait" and wait - refusal.retry_after <= max_wait
    assert refusal.retry_after == max(1, math.ceil(wait - max_wait))  # and not later than needed


def test_a_full_queue_predicts_when_it_has_room():
    backlog, rate = Backlog(100, 40_000), 1000.0  # 40 s in all
    bounds = Limits(100, 1000.0)
    assert bounds.refusal(backlog, 10, rate).retry_after == 4  # a tenth of it must go
    assert bounds.refusal(backlog, 500, rate).retry_after == 40  # it needs an empty queue
    assert bounds.refusal(Backlog(0, 0), 500, rate) is None
