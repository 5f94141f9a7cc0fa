"""Us, our engine behind KServe's edges, and peers on the same texts, with the roofline beside them.

    python benchmarks/serving/side_by_side.py --texts reviews.csv.gz

The peers are vanilla transformers, MLServer and KServe's huggingfaceserver.

Full DistilBERT size, random weights, V2 REST, one text a request. Each round starts one server after the other, in an
order that turns from round to round, so that the machine's drift falls on all; the bare int8 engine and the machine's
int8 peak take their turn like a server. Nothing else may run on the machine. The load generator's own share of a core
is beside each figure. The open loop follows: each server is sent three times what it answered of the mix.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import roofline
import setting
from driving import Seen, closed_figures, drive, milliseconds, open_figures
from full_size import FullSize
from harness import machine, save
from rich.console import Console
from servers import DEFAULT_SERVERS, SERVERS, Running, Skipped, start, startable
from texts import MIX, Load

from model_release.scoring.engine import available_cpus
from model_server.settings import ServerSettings
from training_job.build.release import INT8

console = Console()
BARE = "bare engine"
OVERLOAD = 3.0
PROBE_SECONDS = 0.1
OPEN_TIMEOUT = 30.0
PLANS = Path(__file__).with_name("roofline.py")
Key = tuple[str, str, int]  # server, load, clients


def bare_engine(model: FullSize, loads: Sequence[Load], clients: list[int], seconds: float) -> dict[str, Any]:
    """`roofline.measure` in a separate process, with the server's own threads and token budget."""
    budget = int(ServerSettings.model_fields["max_batch_tokens"].default)
    texts = {load.name: load.texts for load in loads}
    plan = roofline.Plan(str(model.model_dir), INT8, budget, seconds, texts, clients)
    done = subprocess.run(
        [sys.executable, str(PLANS)], input=json.dumps(asdict(plan)).encode(), stdout=subprocess.PIPE, check=True
    )
    outcome: dict[str, Any] = json.loads(done.stdout)
    return outcome


class ClosedLoops:
    """The rounds, and what was seen in them."""

    def __init__(self, model: FullSize, loads: list[Load], options: argparse.Namespace, work: Path) -> None:
        self.model, self.loads, self.options, self.work = model, loads, options, work
        self.seen: dict[Key, Seen] = {}
        self.bare: list[dict[str, Any]] = []
        self.shown: dict[str, str] = {}
        self.missed: list[str] = []

    def round(self, number: int, names: list[str]) -> None:
        """One start of each server and one turn of the bare engine, beginning with another of them each time."""
        turns = [BARE, *names]
        first = number % len(turns)
        for name in turns[first:] + turns[:first]:
            console.print(f"round {number + 1}: {name}")
            if name == BARE:
                self.bare.append(bare_engine(self.model, self.loads, self.options.clients, self.options.seconds))
                continue
            try:
                with start(name, self.model, self.work / f"{name}-{number}") as running:
                    self.shown[name] = running.recipe.shown
                    self._measure(name, running)
            except Skipped as reason:  # it started before: the other rounds are worth having
                console.print(f"round {number + 1} without {reason}")
                self.missed.append(f"round {number + 1}: {reason}")

    def _measure(self, name: str, running: Running) -> None:
        for load in self.loads:
            for clients in self.options.clients:
                seconds, warm = self.options.seconds, self.options.warm
                seen = drive(running.recipe, load, seconds, clients=clients, warm=warm)
                self.seen.setdefault((name, load.name, clients), Seen()).add(seen)
                rate, failed = seen.rates[0], len(seen.outcomes) - len(seen.answered)
                console.print(f"  {load.name:>4} x {clients:<2} {rate:8.1f} requests/s, {failed} failed")

    def capacity(self, name: str, load: Load) -> float:
        """The most answers a second of a load, over all numbers of clients."""
        figures = [
            np.mean(seen.rates) for (who, kind, _), seen in self.seen.items() if (who, kind) == (name, load.name)
        ]
        return float(max(figures))

    def rows(self) -> list[dict[str, Any]]:
        """A row for each server, load and number of clients."""
        by_name = {load.name: load for load in self.loads}
        rows = []
        for (name, kind, clients), seen in self.seen.items():
            row = {"server": name, "load": kind, "clients": clients, **closed_figures(seen, by_name[kind])}
            bare = self._bare_rate(kind, clients)
            row["bare_engine_texts_per_second"] = round(bare, 2)
            row["share_of_bare_engine"] = round(row["requests_per_second"] / bare, 3)
            rows.append(row)
        return rows

    def _bare_rate(self, kind: str, clients: int) -> float:
        """Texts a second of the bare engine in batches of at most as many texts as clients."""
        return float(np.mean([dict(turn["loads"][kind]["by_clients"])[clients] for turn in self.bare]))

    def _single_seconds(self, kind: str) -> dict[int, float]:
        """The bare forward pass of each text; the median over the rounds."""
        taken: dict[int, list[float]] = {}
        for turn in self.bare:
            for index, seconds in turn["loads"][kind]["single_seconds"]:
                taken.setdefault(index, []).append(seconds)
        return {index: float(np.median(values)) for index, values in taken.items()}

    def bare_rows(self) -> list[dict[str, Any]]:
        """A row of the roofline for each load."""
        peak = self.peak()["gops"]
        rows = []
        for load in self.loads:
            rates = [turn["loads"][load.name]["texts_per_second"] for turn in self.bare]
            single = list(self._single_seconds(load.name).values())
            p50, p95 = milliseconds(single, 50, 95)
            gops = float(np.mean(rates)) * float(np.mean([self.model.operations(n) for n in load.tokens])) / 1e9
            rows.append(
                {
                    "load": load.name,
                    "texts": len(load.texts),
                    "mean_tokens": round(load.mean_tokens, 1),
                    "texts_per_second": round(float(np.mean(rates)), 2),
                    "by_round": [round(rate, 2) for rate in rates],
                    "forward_pass_p50_ms": p50,
                    "forward_pass_p95_ms": p95,
                    "gops": round(gops),
                    "share_of_int8_peak": round(gops / peak, 3),
                }
            )
        return rows

    def peak(self) -> dict[str, Any]:
        """The best int8 peak of the rounds."""
        best: dict[str, Any] = max((turn["peak"] for turn in self.bare), key=lambda peak: peak["gops"])
        return best | {"by_round": [turn["peak"]["gops"] for turn in self.bare]}


def open_loop(
    name: str, model: FullSize, load: Load, capacity: float, options: argparse.Namespace, work: Path
) -> dict[str, Any]:
    """One server under three times what it can answer, with probes."""
    rate = OVERLOAD * capacity
    console.print(f"open loop: {name}, {rate:.0f} requests/s")
    with start(name, model, work) as running:
        drive(running.recipe, load, options.warm, clients=8, warm=options.warm)  # what is compiled late is compiled now
        plan: dict[str, Any] = {"rate": rate, "warm": options.warm, "timeout": OPEN_TIMEOUT}
        seen = drive(running.recipe, load, options.open_seconds, probe_every=PROBE_SECONDS, **plan)
        resident = running.resident_mib()
    figures = open_figures(seen, rate, capacity, options.budget_ms / 1000)
    console.print(figures)
    return {"server": name, **figures, "resident_mib": round(resident)}


def parse() -> argparse.Namespace:
    parser = setting.parser(__doc__, "serving_side_by_side")
    parser.add_argument("--servers", type=setting.names, default=DEFAULT_SERVERS, help=f"of {', '.join(SERVERS)}")
    parser.add_argument("--clients", type=setting.numbers, default=[1, 2, 8, 32])
    parser.add_argument("--seconds", type=float, default=10, help="of each closed loop in each round (10)")
    parser.add_argument("--warm", type=float, default=3, help="seconds before each that do not count (3)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--open-seconds", type=float, default=60, help="of each open loop (60); 0 leaves it out")
    promised = 1000 * float(ServerSettings.model_fields["max_wait_seconds"].default)
    parser.add_argument("--budget-ms", type=float, default=promised, help="wait that the server promises (its default)")
    options = parser.parse_args()
    unknown = set(options.servers) - set(SERVERS)
    if unknown:
        parser.error(f"--servers {', '.join(sorted(unknown))}: there are {', '.join(SERVERS)}")
    return options


def main() -> None:
    options = parse()
    described = machine()
    here = setting.make(options, "side-by-side")
    model, loads, work = here.model, here.loads, here.runs
    names, skipped = startable(options.servers, model, work)
    for reason in skipped.values():
        console.print(f"skipped: {reason}")
    closed = ClosedLoops(model, loads, options, work)
    for number in range(options.rounds):
        closed.round(number, names)
    mix = here.load(MIX)
    overloaded = [
        open_loop(name, model, mix, capacity, options, work / f"{name}-open")
        for name in (names if options.open_seconds else [])
        if (capacity := closed.capacity(name, mix))
    ]
    document = {
        "machine": described,
        "threads": available_cpus(),
        "release": {"id": model.manifest.release_id, "base_model": options.base, "variant": INT8},
        "servers": closed.shown,
        "skipped": skipped,
        "rounds_missed": closed.missed,
        "rounds": options.rounds,
        "seconds": options.seconds,
        "int8_peak": closed.peak(),
        "bare_engine": closed.bare_rows(),
        "closed_loop": closed.rows(),
        "open_loop": overloaded,
    }
    console.print(f"written: {save(options.result, document)}")


if __name__ == "__main__":
    main()
