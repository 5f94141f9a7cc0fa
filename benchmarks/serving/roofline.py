"""Limits that no server can exceed here: the bare int8 engine in a loop on the same texts, and the machine's int8 peak.

    python benchmarks/serving/roofline.py < plan.json > outcome.json

It runs in a separate process, as a server would, with the same engine threads. The bare loop gets the texts as
tokens and answers nobody: `length_batches` puts all of them in batches of near-equal length under the server's token
budget, and once more in batches of at most as many texts as there are clients. A server whose clients each wait for an
answer never sees more at a time, so that is its own bound; the other is the machine's.
"""

import json
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np

from model_release import Encoding, Scorer
from model_release.scoring.engine import OpenVINOEngine, available_cpus
from model_release.scoring.scorer import length_batches
from model_server.lifecycle.loading import KERNELS_KEPT

PEAK_LAYERS = 4
PEAK_SHAPES = ((1024, 2048), (1024, 4096), (2048, 4096))  # rows, and the width of a square matrix of weights
PEAK_SECONDS = 1.0


@dataclass
class Plan:
    """Plan of a measurement: each load's texts, for `seconds` in batches of each kind and `seconds` one at a time."""

    model_dir: str
    variant: str
    max_batch_tokens: int
    seconds: float
    loads: dict[str, list[str]]
    clients: list[int]
    threads: int = 0


def in_batches(encodings: Sequence[Encoding], budget: int, rows: int = 0) -> list[list[Encoding]]:
    """Batches of near-equal length within a budget of tokens, and of at most `rows` texts if that is not 0."""
    lengths = [len(item.ids) for item in encodings]
    return [[encodings[index] for index in batch] for batch in length_batches(lengths, budget, rows)]


def batched(scorer: Scorer, batches: list[list[Encoding]], seconds: float) -> float:
    """Texts a second over whole passes, in an order that is not the lengths' own."""
    batches = random.Random(0).sample(batches, len(batches))
    for batch in batches[: max(4, len(batches) // 4)]:  # kernels of these shapes
        scorer.forward(batch)
    passes, started = 0, time.perf_counter()
    while (took := time.perf_counter() - started) < seconds or not passes:
        for batch in batches:
            scorer.forward(batch)
        passes += 1
    took = time.perf_counter() - started
    return passes * sum(map(len, batches)) / took


def by_clients(scorer: Scorer, encodings: Sequence[Encoding], plan: Plan) -> dict[int, float]:
    """Texts a second in batches of at most as many texts as clients; under 0, as many as the token budget holds.

    Numbers of clients that give the same batches are measured once.
    """
    measured: dict[tuple[int, ...], float] = {}
    rates = {}
    for rows in (0, *plan.clients):
        batches = in_batches(encodings, plan.max_batch_tokens, rows)
        sizes = tuple(map(len, batches))
        if sizes not in measured:
            measured[sizes] = batched(scorer, batches, plan.seconds)
        rates[rows] = measured[sizes]
    return rates


def one_at_a_time(scorer: Scorer, encodings: Sequence[Encoding], seconds: float) -> dict[int, float]:
    """Seconds of a forward pass by text, as many texts as there is time for; the median where one came again."""
    for encoding in encodings[:8]:
        scorer.forward([encoding])
    taken: dict[int, list[float]] = {}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for index, encoding in enumerate(encodings):
            started = time.perf_counter()
            scorer.forward([encoding])
            now = time.perf_counter()
            taken.setdefault(index, []).append(now - started)
            if now >= end:
                break
    return {index: float(np.median(values)) for index, values in taken.items()}


def _matrix_chain(rows: int, width: int) -> Any:
    """A network of square int8 products with nothing between them but the rounding back to int8."""
    import openvino.opset15 as ops
    from openvino import Model, Type

    def scalar(value: float) -> Any:
        return ops.constant(np.float32(value))

    rng = np.random.default_rng(0)
    entered = ops.parameter([rows, width], Type.f32, name="x")
    node = entered
    for _ in range(PEAK_LAYERS):
        quantised = ops.fake_quantize(node, scalar(-1), scalar(1), scalar(-1), scalar(1), 256)
        weights = ops.constant(rng.integers(-127, 128, (width, width)).astype(np.int8))
        scaled = ops.multiply(ops.convert(weights, "f32"), scalar(1 / 127))
        node = ops.matmul(quantised, scaled, False, True)
    # One number out, so that what is measured is not the copying of the last product.
    summed = ops.reduce_max(node, ops.constant(np.array([0, 1])), keep_dims=False)
    return Model([summed], [entered])


def int8_peak(threads: int = 0) -> dict[str, Any]:
    """The most int8 operations a second that OpenVINO reaches here, by large products; GOPS, and the kernel's name."""
    import openvino as ov

    core, best = ov.Core(), {"gops": 0.0, "shape": "", "kernel": ""}
    config = {"INFERENCE_NUM_THREADS": threads or available_cpus(), "NUM_STREAMS": 1, "ENABLE_CPU_PINNING": False}
    for rows, width in PEAK_SHAPES:
        compiled = core.compile_model(
            _matrix_chain(rows, width), "CPU", config | {"INFERENCE_PRECISION_HINT": ov.Type.f32}
        )
        request = compiled.create_infer_request()
        values = np.random.default_rng(1).normal(size=(rows, width)).astype(np.float32)
        run = partial(request.infer, {"x": values}, share_inputs=True)
        run()
        times: list[float] = []
        end = time.perf_counter() + PEAK_SECONDS
        while time.perf_counter() < end or len(times) < 3:
            started = time.perf_counter()
            run()
            times.append(time.perf_counter() - started)
        gops = 2 * rows * width**2 * PEAK_LAYERS / float(np.median(times)) / 1e9
        if gops > best["gops"]:
            best = {"gops": round(gops), "shape": f"{rows} x {width} x {width}", "kernel": _kernel(compiled)}
    return best


def _kernel(compiled: Any) -> str:
    """The kernel of the products, which says in what precision they ran."""
    described = [node.get_rt_info() for node in compiled.get_runtime_model().get_ops()]
    products = [info for info in described if info["layerType"].astype(str) in ("FullyConnected", "MatMul")]
    return ", ".join(sorted({info["primitiveType"].astype(str) for info in products}))


def bare_scorer(model_dir: Path, variant: str, threads: int = 0) -> Scorer:
    """A release on the engine that a server would give it."""
    return Scorer.load(
        model_dir,
        variant=variant,
        make_engine=lambda folder: OpenVINOEngine(folder, "int8", threads, kernels=KERNELS_KEPT),
        verify=False,
    )


def measure(plan: Plan) -> dict[str, Any]:
    """Peak, and for each load texts a second in batches and seconds by text."""
    peak = int8_peak(plan.threads)
    scorer = bare_scorer(Path(plan.model_dir), plan.variant, plan.threads)
    loads = {}
    for name, texts in plan.loads.items():
        encodings = scorer.encode(texts)
        rates = by_clients(scorer, encodings, plan)
        loads[name] = {
            "texts_per_second": rates[0],
            "by_clients": [(clients, rates[clients]) for clients in plan.clients],
            "single_seconds": list(one_at_a_time(scorer, encodings, plan.seconds).items()),
        }
    return {"peak": peak, "loads": loads}


if __name__ == "__main__":
    json.dump(measure(Plan(**json.load(sys.stdin))), sys.stdout)
