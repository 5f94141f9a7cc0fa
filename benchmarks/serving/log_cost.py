"""What the prediction log costs: requests/s and p95 with and without it, in pairs, and rows/s into Postgres alone.

    python benchmarks/serving/log_cost.py --texts reviews.csv.gz

Two servers stand ready, one with the log in Postgres, one without a log (`without_log`); only one is under load at a
time, and which one begins a pair alternates. The share that the log costs is the mean over the pairs, with a 95 %
interval (t). Postgres flushes its commits to disk and takes its CPU time from the same cores as the server.
"""

import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(_ROOT), str(_ROOT / "tests")]

import numpy as np
import setting
from driving import drive, milliseconds
from harness import machine, save
from postgres import Postgres
from rich.console import Console
from scipy import stats
from servers import Recipe, Running, ours
from setting import Setting
from texts import Load

from model_release.features import describe, text_hash
from prediction_log import LogWriter, PredictionRecord, new_id, upgrade

console = Console()
WITHOUT = Path(__file__).with_name("without_log.py")
QUEUE_ROWS = 5_000  # kept below the bound at which the writer spills to its journal


def _without_log(recipe: Recipe) -> Recipe:
    command = [sys.executable, str(WITHOUT), *recipe.command[3:]]
    return replace(recipe, name="ours without the log", command=command)


def _spread(shares: list[float]) -> dict[str, float]:
    mean, error = float(np.mean(shares)), float(stats.sem(shares)) if len(shares) > 1 else float("nan")
    half = float(stats.t.ppf(0.975, len(shares) - 1)) * error if len(shares) > 1 else float("nan")
    return {"share": round(mean, 4), "low": round(mean - half, 4), "high": round(mean + half, 4)}


def pairs(on: Running, off: Running, load: Load, options: Any) -> dict[str, Any]:
    """Requests/s and p95 of each, over alternating pairs."""
    seen: dict[str, list[tuple[float, float]]] = {"on": [], "off": []}
    failed = 0
    sides = [("on", on), ("off", off)]
    for number in range(options.pairs):
        for name, running in sides if number % 2 else reversed(sides):
            result = drive(running.recipe, load, options.seconds, clients=options.clients, warm=options.warm)
            failed += len(result.outcomes) - len(result.answered)
            (p95,) = milliseconds([latency for _, latency in result.answered], 95)
            seen[name].append((result.rates[0], p95 or float("nan")))
    rates, p95s = ({name: [run[at] for run in runs] for name, runs in seen.items()} for at in (0, 1))
    lost = [1 - with_log / without for with_log, without in zip(rates["on"], rates["off"], strict=True)]
    slower = [with_log / without - 1 for with_log, without in zip(p95s["on"], p95s["off"], strict=True)]
    return {
        "load": load.name,
        "clients": options.clients,
        "pairs": options.pairs,
        "failed": failed,
        **{f"requests_per_second_{name}": round(float(np.mean(values)), 2) for name, values in rates.items()},
        **{f"p95_ms_{name}": round(float(np.mean(values)), 2) for name, values in p95s.items()},
        "requests_per_second_lost": _spread(lost),
        "p95_added": _spread(slower),
    }


def rows_per_second(url: str, spill: Path, texts: list[str], rows: int) -> dict[str, Any]:
    """How fast the writer brings rows with their texts into Postgres, nothing else running; no row may be spilled."""
    sketch = bytes(128)
    records = [
        PredictionRecord(
            id=new_id(),
            release_id="0" * 16,
            label="positive",
            probability=0.75,
            confidence=0.75,
            margin=1.0,
            tokens=200,
            truncated=False,
            latency_ms=10.0,
            source="v2-rest",
            client="127.0.0.1",
            text=text,
            text_hash=text_hash(text),
            descriptors=describe(text),
            sketch=sketch,
        )
        for text in (texts[number % len(texts)] for number in range(rows))
    ]
    writer = LogWriter(url, spill)
    writer.start()
    while not writer.stats().database_up:
        time.sleep(0.01)
    started = time.perf_counter()
    for at in range(0, rows, 100):
        while writer.stats().queued > QUEUE_ROWS:
            time.sleep(0.002)
        for record in records[at : at + 100]:
            writer.put(record)
    while writer.stats().written + writer.stats().spilled < rows:
        time.sleep(0.002)
    seconds = time.perf_counter() - started
    writer.close()
    told = writer.stats()
    return {
        "rows": rows,
        "mean_text_bytes": round(float(np.mean([len(text.encode()) for text in texts]))),
        "rows_per_second": round(rows / seconds),
        "spilled": told.spilled,
        "lost": told.lost,
    }


def _started(recipe: Recipe, here: Setting) -> Running:
    return Running(recipe, here.runs / f"{recipe.name.replace(' ', '-')}.log")


def main() -> None:
    parser = setting.parser(__doc__, "serving_log_cost")
    parser.set_defaults(lengths=["32", "mix"])
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=15, help="of each run (15)")
    parser.add_argument("--warm", type=float, default=2)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--rows", type=int, default=100_000, help="brought into Postgres in isolation (100,000)")
    options = parser.parse_args()
    described = machine()
    here = setting.make(options, "log-cost")
    with Postgres(durable=True) as postgres:
        urls = [postgres.new_database() for _ in range(2)]
        for url in urls:
            upgrade(url)
        console.print("rows into Postgres")
        alone = rows_per_second(urls[0], here.runs / "spill-alone", here.load("mix").texts, options.rows)
        console.print(alone)
        recipe = ours(here.model, here.runs / "on", DATABASE_URL=urls[1])
        other = _without_log(ours(here.model, here.runs / "off"))
        with _started(recipe, here) as on, _started(other, here) as off:
            compared = [pairs(on, off, load, options) for load in here.loads]
        console.print(compared)
    document = {
        "machine": described,
        "release": {"id": here.model.manifest.release_id, "base_model": options.base},
        "seconds": options.seconds,
        "pairs": compared,
        "postgres": alone,
    }
    console.print(f"written: {save(options.result, document)}")


if __name__ == "__main__":
    main()
