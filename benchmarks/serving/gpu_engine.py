"""The torch engine's ways to run, in turn on the same texts, and the card's bf16 peak.

    python benchmarks/serving/gpu_engine.py < plan.json > outcome.json

It runs in a separate process, so that the card's memory is free again for a server. All ways lie in it at once and
take turns by rounds, each beginning with another, so that a card that warms up and clocks down slows all of them. What
is timed is `Engine.forward`: padding, copies to the card and back, and the wait for the answer, as a server pays them.
"""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
import torch
from roofline import batched, in_batches, one_at_a_time

from model_release import Encoding, Scorer
from model_release.folder import ReleaseFolder
from model_release.scoring.scorer import load_tokenizer, pad
from model_release.scoring.spec import ScoringSpec
from model_server.engines.buckets import Bucket, make_buckets
from model_server.engines.torch import TorchEngine, choose_device
from model_server.settings import Device

# Each way's name, whether torch.compile fuses its kernels, and whether its shapes are CUDA graphs.
WAYS = {
    "eager": (False, False),
    "compiled": (True, False),
    "graphs": (False, True),
    "compiled graphs": (True, True),
}
PRODUCTS = 10  # between two looks at the clock
WARM_CALLS = 3
COMPARED = 16  # texts of each load


@dataclass
class Plan:
    """Plan of a measurement.

    Attributes:
        model_dir: the release's root.
        loads: texts by the load's name; those of a number have exactly so many tokens.
        batches: rows to measure of each of the latter, where the budget allows them.
        seconds: of each measurement in each round.
        peak_sizes: widths of the square products.
        ways: of `WAYS`.
    """

    model_dir: str
    device: Device
    max_batch_tokens: int
    loads: dict[str, list[str]]
    batches: list[int]
    seconds: float
    rounds: int
    peak_sizes: list[int]
    ways: list[str]


def card(device: torch.device) -> dict[str, Any] | None:
    """Properties of the card that a figure depends on; None on a CPU."""
    if device.type != "cuda":
        return None
    found = torch.cuda.get_device_properties(device)
    return {
        "name": found.name,
        "memory_gib": round(found.total_memory / 2**30, 1),
        "multiprocessors": found.multi_processor_count,
        "compute_capability": f"{found.major}.{found.minor}",
        "cuda": torch.version.cuda,
    }


def matmul_peak(device: torch.device, sizes: list[int], seconds: float) -> dict[str, Any]:
    """The most operations a second that torch's product of square bf16 matrices reaches, in TFLOPS."""
    best: dict[str, Any] = {"tflops": 0.0, "size": 0}
    wait = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    for size in sizes:
        left, right = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
        out = torch.empty_like(left)
        taken: list[float] = []
        end = time.perf_counter() + seconds
        while len(taken) < WARM_CALLS + 1 or time.perf_counter() < end:
            wait()
            started = time.perf_counter()
            for _ in range(PRODUCTS):
                torch.matmul(left, right, out=out)
            wait()
            taken.append((time.perf_counter() - started) / PRODUCTS)
        tflops = 2 * size**3 / float(np.median(taken[WARM_CALLS:])) / 1e12
        if tflops > best["tflops"]:
            best = {"tflops": tflops, "size": size}
    return best


def forward_seconds(scorer: Scorer, encodings: list[Encoding], seconds: float) -> list[float]:
    """Seconds of one batch, again and again."""
    ids, mask = pad(encodings, limit=scorer.spec.max_tokens)
    for _ in range(WARM_CALLS):
        scorer.engine.forward(ids, mask)
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while not taken or time.perf_counter() < end:
        started = time.perf_counter()
        scorer.engine.forward(ids, mask)
        taken.append(time.perf_counter() - started)
    return taken


def make_scorers(plan: Plan) -> tuple[dict[str, Scorer], dict[str, float]]:
    """A scorer of each way over the same weights, and the seconds until it could answer."""
    root = Path(plan.model_dir)
    manifest = ReleaseFolder(root).manifest()
    spec = ScoringSpec.of(manifest)
    folder, tokenizer = root / manifest.variants["torch"].path, ReleaseFolder(root).tokenizer
    shapes = make_buckets(manifest.max_tokens, plan.max_batch_tokens)
    scorers, starting = {}, {}
    for name in plan.ways:
        compiled, graphs = WAYS[name]
        started = time.perf_counter()
        buckets: tuple[Bucket, ...] = shapes if graphs else ()
        engine = TorchEngine(folder, device=plan.device, buckets=buckets, compiled=compiled)
        engine.warm([(1, 16), (2, 32)])  # a row alone is compiled apart
        scorers[name] = Scorer(spec, load_tokenizer(tokenizer), engine)
        starting[name] = time.perf_counter() - started
    return scorers, starting


def logit_differences(scorers: dict[str, Scorer], loads: dict[str, list[Encoding]]) -> dict[str, float]:
    """The largest difference of each way's logits from those of the first way: a wrong answer may be fast."""
    batches = [encodings[:COMPARED] for encodings in loads.values()]
    answers = {way: [scorer.forward(batch)[0] for batch in batches] for way, scorer in scorers.items()}
    first = next(iter(answers.values()))
    return {
        way: max(float(np.abs(mine - theirs).max()) for mine, theirs in zip(found, first, strict=True))
        for way, found in answers.items()
    }


def measure(plan: Plan) -> Iterator[dict[str, Any]]:
    """Rows of one way and load in one round: of a number of texts, else of all texts under the budget and of one."""
    scorers, starting = make_scorers(plan)
    device = choose_device(plan.device)
    encoded = {name: next(iter(scorers.values())).encode(texts) for name, texts in plan.loads.items()}
    about = {"card": card(device), "torch": torch.__version__, "seconds_to_answer": starting}
    yield {**about, "logit_differences": logit_differences(scorers, encoded)}
    for number in range(plan.rounds):
        yield {"peak": matmul_peak(device, plan.peak_sizes, plan.seconds)}
        first = number % len(scorers)
        names = list(scorers)
        for way in names[first:] + names[:first]:
            for load, encodings in encoded.items():
                at = {"way": way, "load": load}
                rate = batched(scorers[way], in_batches(encodings, plan.max_batch_tokens), plan.seconds)
                single = list(one_at_a_time(scorers[way], encodings, plan.seconds).values())
                yield {**at, "texts_per_second": rate, "single_seconds": single}
                for rows in plan.batches if load.isdigit() else ():
                    if rows <= len(encodings) and rows * int(load) <= plan.max_batch_tokens:
                        taken = forward_seconds(scorers[way], encodings[:rows], plan.seconds)
                        yield {**at, "rows": rows, "seconds": float(np.median(taken))}


if __name__ == "__main__":
    sent = Plan(**json.load(sys.stdin))
    for row in measure(sent):
        print(json.dumps(row), flush=True)  # noqa: T201  # its output
