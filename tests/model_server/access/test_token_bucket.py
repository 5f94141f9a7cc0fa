"""The token bucket: never more than its rate in the long run, never less than it promises."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_server.access.token_bucket import TokenBucket

rates, bursts = st.floats(0.01, 1000), st.integers(1, 100)
requests = st.lists(st.tuples(st.floats(0, 5), st.integers(1, 300)), max_size=80)  # seconds since the last, texts


@given(rates, bursts, requests)
def test_over_any_time_nobody_gets_more_than_the_burst_the_rate_and_one_request(rate, burst, asked):
    bucket, now, taken, last = TokenBucket(rate, burst, burst, 0.0), 0.0, 0, 0
    for pause, texts in asked:
        now += pause
        if bucket.wait(now) == 0:
            assert taken <= burst + rate * now + 1e-6  # what was taken before was paid back
            bucket.charge(texts)
            taken, last = taken + texts, texts
    assert taken - last <= burst + rate * now + 1e-6


@given(rates, bursts, requests)
def test_a_retry_is_admitted_after_the_wait_and_not_before(rate, burst, asked):
    bucket, now = TokenBucket(rate, burst, burst, 0.0), 0.0
    for pause, texts in asked:
        now += pause
        wait = bucket.wait(now)
        if wait:
            assert bucket.wait(now + wait / 2) > 0
            now += wait + 1e-9 * (1 + now + wait)
            assert bucket.wait(now) == 0
        bucket.charge(texts)


@given(rates, bursts)
def test_a_burst_of_single_texts_is_let_in_and_then_the_rate(rate, burst):
    bucket = TokenBucket(rate, burst, burst, 0.0)
    assert [_take(bucket, 0.0) for _ in range(burst)] == [0.0] * burst
    assert bucket.wait(0.0) == pytest.approx(1 / rate)


def _take(bucket: TokenBucket, now: float) -> float:
    wait = bucket.wait(now)
    bucket.charge(0 if wait else 1)
    return wait


def test_idle_time_fills_it_up_to_the_burst_only():
    bucket = TokenBucket(10.0, 3, 3, 0.0)
    assert [_take(bucket, 1e6) for _ in range(3)] == [0.0] * 3
    assert math.isclose(bucket.wait(1e6), 0.1)


def test_asking_costs_nothing():
    bucket = TokenBucket(1.0, 1, 1, 0.0)
    assert [bucket.wait(0.0) for _ in range(100)] == [0.0] * 100
