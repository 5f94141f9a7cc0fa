"""The time that one client waits beyond the bare forward pass of its text.

    python benchmarks/serving/one_client.py --texts reviews.csv.gz

The bare engine and the server take turns of half a second on the same texts, and which one begins a turn alternates:
a machine whose speed changes by a fifth from one minute to the next cannot tell a millisecond of ten otherwise. Of each
turn the median over its texts counts, of the turns their median, with a 95 % interval (bootstrap over turns). The bare
engine runs in this process, without a pause between two texts; what is beyond it contains the client's own time: the
calls of a blocking socket. Every text has been sent once before, so the server has met all of its words.
"""

import contextlib
import math
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import setting
from driving import EXPECT, milliseconds
from harness import machine, save
from load import post_requests, receive
from rich.console import Console
from roofline import bare_scorer
from servers import INFER, Recipe, Running, ours
from texts import Load

from model_release import Encoding, Scorer
from model_release.scoring.engine import available_cpus
from training_job.build.release import INT8

console = Console()
RESAMPLES = 1000
TIMEOUT_SECONDS = 60.0
WARM_TEXTS = 4  # before each half of a turn: what the other one pushed out of the caches comes back
Seconds = dict[int, float]  # by index of the text


@dataclass(frozen=True)
class Turn:
    """A half of the bare engine, and one of the server, on texts that both have had."""

    bare: Seconds
    served: Seconds

    @property
    def over(self) -> float:
        """The median of what a text took over its bare forward pass."""
        return float(
            np.median([taken - self.bare[index] for index, taken in self.served.items() if index in self.bare])
        )


def _from(first: int, count: int) -> list[int]:
    """All indices, beginning with `first`."""
    return [(first + at) % count for at in range(count)]


def bare_half(scorer: Scorer, encodings: Sequence[Encoding], order: Sequence[int], seconds: float) -> Seconds:
    """Forward passes of one text each, in this order, for so long."""
    for index in order[:WARM_TEXTS]:
        scorer.forward([encodings[index]])
    taken: Seconds = {}
    end = time.perf_counter() + seconds
    for index in order:
        started = time.perf_counter()
        scorer.forward([encodings[index]])
        taken[index] = (now := time.perf_counter()) - started
        if now >= end:
            break
    return taken


def served_half(recipe: Recipe, load: Load, order: Sequence[int], seconds: float) -> Seconds:
    """Requests of one text each, in this order, for so long.

    Raises:
        RuntimeError: one was not answered.
    """
    requests = post_requests(recipe.port, INFER, [recipe.body(text) for text in load.texts])
    taken: Seconds = {}
    with contextlib.closing(socket.create_connection(("127.0.0.1", recipe.port), TIMEOUT_SECONDS)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for index in order[-WARM_TEXTS:]:
            _ask(connection, requests[index], load.name)
        end = time.perf_counter() + seconds
        for index in order:
            started = time.perf_counter()
            taken[index] = (now := _ask(connection, requests[index], load.name)) - started
            if now >= end:
                break
    return taken


def _ask(connection: socket.socket, request: bytes, load: str) -> float:
    """Send a request; return the time at which its answer was complete."""
    connection.sendall(request)
    status, body, ended = receive(connection)
    if status != 200 or EXPECT.encode() not in body:
        raise RuntimeError(f"{load}: {status} {body[:200].decode(errors='replace')}")
    return ended


def turns(scorer: Scorer, recipe: Recipe, load: Load, count: int, seconds: float) -> list[Turn]:
    """So many turns, each beginning with another text."""
    encodings, made = scorer.encode(load.texts), []
    served_half(recipe, load, range(len(load.texts)), math.inf)
    for number in range(count):
        order = _from(number * len(load.texts) // count, len(load.texts))
        if number % 2:
            bare = bare_half(scorer, encodings, order, seconds)
            served = served_half(recipe, load, order, seconds)
        else:
            served = served_half(recipe, load, order, seconds)
            bare = bare_half(scorer, encodings, order, seconds)
        made.append(Turn(bare, served))
    return made


def figures(load: Load, made: Sequence[Turn]) -> dict[str, Any]:
    """The row of one load."""
    over = np.array([turn.over for turn in made])
    drawn = np.random.default_rng(0).choice(over, (RESAMPLES, len(over)))
    low, high = np.percentile(np.median(drawn, axis=1), [2.5, 97.5])
    ms = {"over_ms": np.median(over), "over_low_ms": low, "over_high_ms": high}
    return {
        "load": load.name,
        "mean_tokens": round(load.mean_tokens, 1),
        "turns": len(made),
        "requests": sum(len(turn.served) for turn in made),
        "forward_pass_p50_ms": milliseconds([taken for turn in made for taken in turn.bare.values()], 50)[0],
        "latency_p50_ms": milliseconds([taken for turn in made for taken in turn.served.values()], 50)[0],
        **{name: round(float(value) * 1000, 2) for name, value in ms.items()},
    }


def main() -> None:
    parser = setting.parser(__doc__, "serving_one_client")
    parser.add_argument("--turns", type=int, default=40, help="of each load (40)")
    parser.add_argument("--seconds", type=float, default=0.5, help="of each half of a turn (0.5)")
    options = parser.parse_args()
    described = machine()
    here = setting.make(options, "one-client")
    scorer = bare_scorer(here.model.model_dir, INT8)
    rows = []
    recipe = ours(here.model, here.runs / "ours")
    with Running(recipe, here.runs / "ours.log"):
        for load in here.loads:
            rows.append(figures(load, turns(scorer, recipe, load, options.turns, options.seconds)))
            console.print(rows[-1])
    document = {
        "machine": described,
        "threads": available_cpus(),
        "release": {"id": here.model.manifest.release_id, "base_model": options.base, "variant": INT8},
        "seconds": options.seconds,
        "shown": recipe.shown,
        "loads": rows,
    }
    console.print(f"written: {save(options.result, document)}")


if __name__ == "__main__":
    main()
