"""The torch engine on a card: its ways to run side by side, their share of the card's peak, and the server with it.

    python benchmarks/serving/gpu.py --texts reviews.csv.gz

Full DistilBERT size, random weights, bf16. First the engine alone (`gpu_engine`): eager, by torch.compile, as CUDA
graphs and as graphs of compiled kernels, in rounds that turn; beside them the card's own peak, by large bf16
products in the same rounds. Then the real server over V2 REST with the prediction log on, by clients and by texts in a
request. Nothing else may run on the machine.

`--device cpu` runs all of it to its end without a card, with tiny settings as a test of this program. Its figures mean
nothing: they stay in the folder of the run and never go to `results/`.
"""

import argparse
import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import gpu_engine
import numpy as np
import setting
import torch
from driving import closed_figures, drive, milliseconds
from full_size import FullSize
from harness import machine, save
from rich.console import Console
from servers import Recipe, Running, ours
from setting import Setting
from texts import Load

console = Console()
RESULT = "serving_gpu"
ENGINE = Path(__file__).with_name("gpu_engine.py")
Row = dict[str, Any]


def engine_rows(here: Setting, options: argparse.Namespace) -> list[Row]:
    """Yield the rows that `gpu_engine` measures in a separate process, as they come."""
    plan = gpu_engine.Plan(
        model_dir=str(here.model.root),
        device=options.device,
        max_batch_tokens=options.max_batch_tokens,
        loads={load.name: load.texts for load in here.loads},
        batches=options.batches,
        seconds=options.seconds,
        rounds=options.rounds,
        peak_sizes=options.peak_sizes,
        ways=options.ways,
    )
    rows = []
    with subprocess.Popen(
        [sys.executable, str(ENGINE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin and process.stdout
        process.stdin.write(json.dumps(asdict(plan)))
        process.stdin.close()
        for line in process.stdout:
            rows.append(json.loads(line))
            console.print({key: value for key, value in rows[-1].items() if key != "single_seconds"})
    if process.returncode:
        raise SystemExit(f"error: {ENGINE.name} ended with {process.returncode}")
    return rows


def groups(rows: list[Row], having: str, *keys: str) -> dict[tuple[Any, ...], list[Row]]:
    """The rows that have a figure, by the values of `keys`."""
    found: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        if having in row:
            found.setdefault(tuple(row[key] for key in keys), []).append(row)
    return found


def speed(texts_per_second: list[float], operations: float, peak: float) -> Row:
    """Texts a second over the rounds, and the share of the peak that their operations are."""
    rate = float(np.mean(texts_per_second))
    tflops = rate * operations / 1e12
    return {
        "texts_per_second": round(rate, 1),
        "by_round": [round(value, 1) for value in texts_per_second],
        "tflops": round(tflops, 3),
        "share_of_peak": round(tflops / peak, 4),
    }


def engine_figures(rows: list[Row], model: FullSize, loads: list[Load]) -> Row:
    """The peak, each way's speed and latency by load, and its speed by texts in a batch."""
    peaks = [row["peak"] for row in rows if "peak" in row]
    best = max(peaks, key=lambda peak: float(peak["tflops"]))
    peak = float(best["tflops"])
    operations = {load.name: float(np.mean([model.operations(count) for count in load.tokens])) for load in loads}
    tokens = {load.name: round(load.mean_tokens, 1) for load in loads}
    by_load, by_batch = [], []
    for (way, load), found in groups(rows, "texts_per_second", "way", "load").items():
        rates = [row["texts_per_second"] for row in found]
        p50, p95 = milliseconds([value for row in found for value in row["single_seconds"]], 50, 95)
        row = {"way": way, "load": load, "mean_tokens": tokens[load], **speed(rates, operations[load], peak)}
        by_load.append(row | {"one_text_p50_ms": p50, "one_text_p95_ms": p95})
    for (way, load, texts), found in groups(rows, "rows", "way", "load", "rows").items():
        rates = [texts / row["seconds"] for row in found]
        by_batch.append({"way": way, "load": load, "texts": texts, **speed(rates, operations[load], peak)})
    by_round = [round(float(each["tflops"]), 1) for each in peaks]
    return {
        "bf16_peak": {"tflops": round(peak, 2), "size": best["size"], "by_round": by_round},
        "by_load": by_load,
        "by_batch": by_batch,
    }


def recipe(model: FullSize, options: argparse.Namespace, work: Path) -> Recipe:
    """Our server with the torch engine; it fetches the files that `serving/` lacks from the store."""
    settings = {
        "VARIANT": "torch",
        "DEVICE": options.device,
        "MAX_BATCH_TOKENS": str(options.max_batch_tokens),
        "RELEASES_URI": str(options.work / f"releases-{options.base}"),
    }
    shown = f"torch on {options.device}, batches of {options.max_batch_tokens} tokens, prediction log on (SQLite)"
    return replace(ours(model, work, **settings), shown=shown)


def grouped(load: Load, texts: int) -> Load:
    """The load in requests of so many texts; a request's tokens are those of all its texts."""
    starts = range(0, len(load.texts) - texts + 1, texts)
    tokens = [sum(load.tokens[at : at + texts]) for at in starts]
    return Load(load.name, [json.dumps(load.texts[at : at + texts]) for at in starts], tokens)


def body(texts: str) -> str:
    """A request of a JSON list of texts."""
    data = json.loads(texts)
    return json.dumps({"inputs": [{"name": "text", "datatype": "BYTES", "shape": [len(data)], "data": data}]})


def server_figures(here: Setting, options: argparse.Namespace) -> Row:
    """The server's start, memory, and requests a second by load, clients and texts in a request."""
    rows = []
    with Running(recipe(here.model, options, here.runs / "server"), here.runs / "server.log") as running:
        for load in here.loads:
            for texts in options.texts_per_request:
                requests = grouped(load, texts)
                plan: dict[str, Any] = {"bodies": [body(each) for each in requests.texts], "warm": options.warm}
                for clients in options.clients:
                    busy = running.cpu_seconds()
                    seen = drive(running.recipe, requests, options.server_seconds, clients=clients, **plan)
                    share = (running.cpu_seconds() - busy) / (options.server_seconds + options.warm)
                    figures = closed_figures(seen, requests)
                    answered = round(figures["requests_per_second"] * texts, 1)
                    row = {"load": load.name, "clients": clients, "texts_per_request": texts, **figures}
                    rows.append(row | {"texts_per_second": answered, "server_cpu_share": round(share, 2)})
                    console.print(f"{load.name:>4} x {texts:<3} {clients:>3} clients: {answered:9.1f} texts/s")
        ready, resident = running.ready_seconds, running.resident_mib()
    return {
        "shown": running.recipe.shown,
        "seconds_to_ready": round(ready, 2),
        "resident_mib": round(resident),
        "closed_loop": rows,
    }


def parse() -> argparse.Namespace:
    parser = setting.parser(__doc__, RESULT)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda", help="cpu: a test of this program alone")
    ways = list(gpu_engine.WAYS)
    parser.add_argument("--ways", type=setting.names, default=ways, help=f"of {', '.join(ways)}")
    parser.add_argument("--max-batch-tokens", type=int, default=16384, help="the server's budget (16384)")
    parser.add_argument("--batches", type=setting.numbers, default=[1, 4, 16, 64, 256], help="texts in a batch")
    parser.add_argument(
        "--peak-sizes", type=setting.numbers, default=[4096, 8192, 16384], help="widths of the products"
    )
    parser.add_argument("--seconds", type=float, default=0.5, help="of each engine's measurement in each round (0.5)")
    parser.add_argument("--rounds", type=int, default=4, help="of the engine's ways (4)")
    parser.add_argument("--clients", type=setting.numbers, default=[1, 8, 32])
    parser.add_argument("--texts-per-request", type=setting.numbers, default=[1, 32])
    parser.add_argument("--server-seconds", type=float, default=5, help="of each closed loop (5)")
    parser.add_argument("--warm", type=float, default=1, help="seconds before each that do not count (1)")
    options = parser.parse_args()
    if unknown := set(options.ways) - set(ways):
        parser.error(f"--ways {', '.join(sorted(unknown))}: there are {', '.join(ways)}")
    if max(options.texts_per_request) > options.count:
        parser.error(f"--texts-per-request {max(options.texts_per_request)} is over --count {options.count}")
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: there is no card here; --device cpu tests this program without one")
    return options


def main() -> None:
    options = parse()
    described = machine()
    here = setting.make(options, "gpu")
    rows = engine_rows(here, options)
    about = rows[0]
    document = {
        "machine": described,
        "card": about["card"],
        "measured_on_a_card": about["card"] is not None,
        "torch": about["torch"],
        "release": {"id": here.model.manifest.release_id, "base_model": options.base, "variant": "torch"},
        "max_batch_tokens": options.max_batch_tokens,
        "rounds": options.rounds,
        "seconds": options.seconds,
        "seconds_to_answer": {way: round(value, 2) for way, value in about["seconds_to_answer"].items()},
        "logit_differences": about["logit_differences"],
        **engine_figures(rows, here.model, here.loads),
        "server": server_figures(here, options),
    }
    if document["card"] is None:
        path = here.runs / f"{options.result}.json"
        path.write_text(json.dumps(document, indent=1) + "\n")
        console.print(f"no card: these figures are no result. Left in {path}")
    else:
        console.print(f"written: {save(options.result, document)}")


if __name__ == "__main__":
    main()
