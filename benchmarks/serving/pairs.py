"""Two servers compared in pairs of runs right after each other, and how sure a difference between them is.

Only one of the two is under load at a time, and the server that begins a pair alternates: a machine whose speed changes
from one minute to the next then changes both sides alike.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from driving import drive
from servers import Running
from texts import Load

RESAMPLES = 1000


@dataclass(frozen=True)
class Run:
    """Requests/s of one run, and the latencies of its answers in seconds."""

    rate: float
    latencies: list[float]


Pair = dict[str, Run]  # by the side's name


@dataclass(frozen=True)
class Pairs:
    """All pairs of two sides under one load, and the requests of both that were not answered with 200."""

    seen: list[Pair]
    failed: int

    def of(self, side: str) -> list[Run]:
        """The runs of one side."""
        return [pair[side] for pair in self.seen]

    def share(
        self, compared: Callable[[Sequence[Run], Sequence[Run]], float], first: str, second: str
    ) -> dict[str, float]:
        """`compared(first, second)` over all pairs, with its 95 % interval by bootstrap over whole pairs."""
        rng = np.random.default_rng(0)

        def over(places: Sequence[int]) -> float:
            return compared([self.seen[at][first] for at in places], [self.seen[at][second] for at in places])

        drawn = [over(rng.integers(len(self.seen), size=len(self.seen)).tolist()) for _ in range(RESAMPLES)]
        low, high = np.percentile(drawn, [2.5, 97.5])
        return {
            "share": round(over(range(len(self.seen))), 4),
            "low": round(float(low), 4),
            "high": round(float(high), 4),
        }


def rate(runs: Sequence[Run]) -> float:
    """Mean requests/s."""
    return float(np.mean([run.rate for run in runs]))


def latency(runs: Sequence[Run], percent: float) -> float:
    """A percentile in seconds over the answers of all runs: one run has too few answers beyond its p95."""
    return float(np.percentile(np.concatenate([run.latencies for run in runs]), percent))


def alternate(
    sides: Mapping[str, Running], load: Load, *, clients: int, pairs: int, seconds: float, warm: float
) -> Pairs:
    """So many pairs of runs of `seconds` each, in a closed loop of `clients`."""
    seen: list[Pair] = []
    failed = 0
    for number in range(pairs):
        pair: Pair = {}
        for name in sides if number % 2 else reversed(sides):
            result = drive(sides[name].recipe, load, seconds, clients=clients, warm=warm)
            failed += len(result.outcomes) - len(result.answered)
            pair[name] = Run(result.rates[0], [taken for _, taken in result.answered])
        seen.append(pair)
    return Pairs(seen, failed)
