"""Drive a server with the load generator, and compute figures from its record."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from servers import INFER, Recipe
from texts import Load

PROGRAM = Path(__file__).with_name("load.py")
EXPECT = '"outputs"'
REFUSED = (429, 503)
LATE_PROBE_SECONDS = 1.0  # a kubelet's own limit, unless a probe sets another


@dataclass
class Seen:
    """A generator's record of one run, or of several of the same kind together.

    Attributes:
        outcomes: (index of the text, latency in seconds, status) of each request of the window.
        rates: answers a second of each run.
    """

    seconds: float = 0.0
    outcomes: list[tuple[int, float, int]] = field(default_factory=list)
    probes: list[tuple[float, int]] = field(default_factory=list)
    sent_late: list[float] = field(default_factory=list)
    cpu_shares: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    first_failures: list[str] = field(default_factory=list)

    def add(self, other: "Seen") -> None:
        self.seconds += other.seconds
        for name in ("outcomes", "probes", "sent_late", "cpu_shares", "rates", "first_failures"):
            getattr(self, name).extend(getattr(other, name))

    @property
    def answered(self) -> list[tuple[int, float]]:
        """Index and latency of the right answers."""
        return [(index, latency) for index, latency, status in self.outcomes if status == 200]

    def latencies_of(self, statuses: Sequence[int]) -> list[float]:
        return [latency for _, latency, status in self.outcomes if status in statuses]


def drive(recipe: Recipe, load: Load, seconds: float, **plan: Any) -> Seen:
    """Run the generator in a separate process; `plan` holds more fields of `load.Plan`."""
    plan = {
        "port": recipe.port,
        "path": INFER,
        "bodies": [recipe.body(text) for text in load.texts],
        "expect": EXPECT,
        "seconds": seconds,
        "probe_path": recipe.ready_path,
        **plan,
    }
    done = subprocess.run(
        [sys.executable, str(PROGRAM)], input=json.dumps(plan).encode(), stdout=subprocess.PIPE, check=True
    )
    seen = json.loads(done.stdout)
    outcomes = [(index, latency, status) for index, latency, status in seen["outcomes"]]
    rate = sum(status == 200 for _, _, status in outcomes) / seconds
    probes = [(latency, status) for latency, status in seen["probes"]]
    return Seen(seconds, outcomes, probes, seen["sent_late"], [seen["cpu_share"]], [rate], seen["first_failures"])


def milliseconds(values: Sequence[float], *quantiles: float) -> list[float | None]:
    """Quantiles (percent) of seconds, in milliseconds; None for each where there are no values."""
    if not len(values):
        return [None for _ in quantiles]
    return [round(float(value), 2) for value in np.percentile(np.array(values) * 1000, quantiles)]


def closed_figures(seen: Seen, load: Load) -> dict[str, Any]:
    """Figures of a closed loop."""
    p50, p95, p99 = milliseconds([latency for _, latency in seen.answered], 50, 95, 99)
    tokens = [load.tokens[index] for index, _ in seen.answered]
    return {
        "requests": len(seen.outcomes),
        "failed": len(seen.outcomes) - len(seen.answered),
        "requests_per_second": round(len(seen.answered) / seen.seconds, 2),
        "by_round": [round(rate, 2) for rate in seen.rates],
        "p50_ms": p50,
        "p95_ms": p95,
        "p99_ms": p99,
        "mean_tokens": round(float(np.mean(tokens)), 1) if tokens else None,
        "client_cpu_share": round(float(np.mean(seen.cpu_shares)), 3),
        "first_failures": seen.first_failures[:3],
    }


def open_figures(seen: Seen, rate: float, capacity: float, budget: float) -> dict[str, Any]:
    """Figures of an open loop at `rate` requests a second, against a server of `capacity`; `budget` in seconds.

    Goodput is what was answered within twice the budget: an answer that nobody waits for any more is worth nothing.
    """
    accepted = [latency for _, latency in seen.answered]
    refusals = seen.latencies_of(REFUSED)
    good = sum(latency <= 2 * budget for latency in accepted) / seen.seconds
    accepted_p50, accepted_p99 = milliseconds(accepted, 50, 99)
    refused_p50, refused_p99 = milliseconds(refusals, 50, 99)
    probe_p99, probe_max = milliseconds([latency for latency, _ in seen.probes], 99, 100)
    (sent_late_p99,) = milliseconds(seen.sent_late, 99)
    return {
        "seconds": seen.seconds,
        "sent_per_second": round(rate, 2),
        "capacity": round(capacity, 2),
        "budget_ms": budget * 1000,
        "requests": len(seen.outcomes),
        "accepted": len(accepted),
        "refused": len(refusals),
        "failed": len(seen.outcomes) - len(accepted) - len(refusals),
        "answers_per_second": round(len(accepted) / seen.seconds, 2),
        "goodput_per_second": round(good, 2),
        "goodput_share_of_capacity": round(good / capacity, 3),
        "accepted_p50_ms": accepted_p50,
        "accepted_p99_ms": accepted_p99,
        "refused_p50_ms": refused_p50,
        "refused_p99_ms": refused_p99,
        "probes": len(seen.probes),
        "probe_p99_ms": probe_p99,
        "probe_max_ms": probe_max,
        "probes_late_or_failed": sum(latency > LATE_PROBE_SECONDS or status != 200 for latency, status in seen.probes),
        "sent_late_p99_ms": sent_late_p99,
        "client_cpu_share": round(float(np.mean(seen.cpu_shares)), 3),
        "first_failures": seen.first_failures[:3],
    }
