"""Overload simulated with a virtual clock: the server's policy and queue, and an engine that only counts.

The engine takes 1 ms a batch and 6,500 padded tokens a second, give or take a fifth, and now and then stalls.
"""

import random
from dataclasses import dataclass, field

import numpy as np
import pytest

from model_server.batching.admission import Backlog, DrainRate, Limits
from model_server.batching.policy import BatchQueue

SPEED = 6500.0
BUDGET = 0.5
MEAN_TOKENS = 245
LONGEST_BATCH = 1.2 * 1024 / SPEED


@dataclass
class Played:
    """Result of a simulation: waits and tokens of the answered texts, the refused texts, seconds in all."""

    waits: list[float] = field(default_factory=list)
    tokens: int = 0
    refused: list[int] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def goodput(self) -> float:
        return self.tokens / self.seconds


def play(texts_per_second: float, limits: Limits, seed: int, seconds: float = 60.0, stall: float = 0.0) -> Played:
    """Texts of a review's lengths that come at random and do not wait for each other (an open loop)."""
    rng = random.Random(seed)
    queue, rate, played = BatchQueue[float](1024), DrainRate(), Played()
    arrivals, at = [], 0.0
    while (at := at + rng.expovariate(texts_per_second)) < seconds:
        arrivals.append((at, min(512, max(8, int(rng.lognormvariate(5.3, 0.7))))))
    arrivals.reverse()
    rate.measured(1024, 1024 / SPEED)
    now = 0.0
    while arrivals or len(queue):
        if not len(queue):
            now = max(now, arrivals[-1][0])
            queue.add(now, arrivals.pop()[1], now)
        batch = queue.take()
        tokens = sum(entry.tokens for entry in batch)
        padded = len(batch) * max(entry.tokens for entry in batch)
        took = (0.001 + padded / SPEED) * rng.uniform(0.8, 1.2) + (stall if rng.random() < 0.01 else 0.0)
        played.waits += [now - entry.since for entry in batch]
        played.tokens += tokens
        while arrivals and arrivals[-1][0] <= now + took:
            came, size = arrivals.pop()
            overdue = came - next((entry.item for entry in queue), came)
            backlog = Backlog(len(queue), queue.tokens, tokens, came - now, overdue)
            refusal = limits.refusal(backlog, 1, rate.per_second)
            if refusal is None:
                queue.add(came + backlog.wait(rate.per_second), size, came)
            else:
                played.refused.append(refusal.retry_after)
        rate.measured(tokens, took)
        now += took
    played.seconds = now
    return played


def capacity(seed: int) -> float:
    """Tokens a second of a queue that always holds 32 texts, as 32 clients keep it that wait for their answers."""
    return play(200, Limits(32, 1e9), seed).goodput


@pytest.mark.parametrize("seed", range(5))
def test_at_three_times_the_capacity_it_works_at_capacity_and_keeps_its_budget(seed):
    full = capacity(seed)
    played = play(3 * full / MEAN_TOKENS, Limits(100_000, BUDGET), seed)
    assert played.goodput >= 0.95 * full
    assert np.percentile(played.waits, 99) <= 2 * BUDGET - LONGEST_BATCH  # so the answer too is within twice the budget
    assert np.percentile(played.waits, 50) >= 0.5 * BUDGET  # the budget is used: the engine is never short of work
    assert 0.55 < len(played.refused) / (len(played.refused) + len(played.waits)) < 0.75
    assert max(played.refused) == 1  # the time until the budget has room again, in whole seconds


@pytest.mark.parametrize("seed", range(5))
def test_a_stall_costs_its_own_length_and_no_more(seed):
    played = play(3 * capacity(seed) / MEAN_TOKENS, Limits(100_000, BUDGET), seed, stall=0.5)
    assert np.percentile(played.waits, 99) <= 2 * BUDGET - LONGEST_BATCH + 0.5
    assert np.percentile(played.waits, 90) <= 1.5 * BUDGET


@pytest.mark.parametrize("seed", range(5))
def test_below_the_capacity_hardly_anybody_is_refused(seed):
    played = play(0.6 * capacity(seed) / MEAN_TOKENS, Limits(100_000, BUDGET), seed)
    assert len(played.refused) <= 0.01 * len(played.waits)
