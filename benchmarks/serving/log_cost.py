"""The prediction log's cost: requests/s and p95 with and without it, in pairs, and a row's CPU time by place.

    python benchmarks/serving/log_cost.py --texts reviews.csv.gz

Two servers stand ready, one with the log in Postgres, one without a log (`without_log`); only one is under load at a
time, and which one begins a pair alternates. The share that the log costs is that of all pairs together, with a 95 %
interval (bootstrap over pairs). Postgres flushes its commits to disk and takes its CPU time from the same cores as the
server; beside the pairs, rows alone are brought into it, at a steady rate and as fast as it goes.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(_ROOT), str(_ROOT / "tests")]

import numpy as np
import setting
from harness import machine, save
from kit.postgres import Postgres
from pairs import Run, alternate, latency, rate
from rich.console import Console
from servers import Recipe, Running, ours
from setting import Setting
from texts import Load

from model_release.scoring.features import describe, text_hash
from prediction_log import LogWriter, PredictionRecord, new_id, upgrade
from prediction_log.record import SKETCH_BYTES

console = Console()
WITHOUT = Path(__file__).with_name("without_log.py")
QUEUE_ROWS = 5_000  # kept below the bound at which the writer spills to its journal


def _without_log(recipe: Recipe) -> Recipe:
    command = [sys.executable, str(WITHOUT), *recipe.command[3:]]
    return replace(recipe, name="ours without the log", command=command)


def _lost(on: Sequence[Run], off: Sequence[Run]) -> float:
    return 1 - rate(on) / rate(off)


def _added(on: Sequence[Run], off: Sequence[Run]) -> float:
    return latency(on, 95) / latency(off, 95) - 1


def compared(on: Running, off: Running, load: Load, options: Any) -> dict[str, Any]:
    """Requests/s and p95 of each, over alternating pairs."""
    pairs = alternate(
        {"on": on, "off": off},
        load,
        clients=options.clients,
        pairs=options.pairs,
        seconds=options.seconds,
        warm=options.warm,
    )
    return {
        "load": load.name,
        "clients": options.clients,
        "pairs": options.pairs,
        "failed": pairs.failed,
        **{f"requests_per_second_{side}": round(rate(pairs.of(side)), 2) for side in ("on", "off")},
        **{f"p95_ms_{side}": round(latency(pairs.of(side), 95) * 1000, 2) for side in ("on", "off")},
        "requests_per_second_lost": pairs.share(_lost, "on", "off"),
        "p95_added": pairs.share(_added, "on", "off"),
    }


def _row(text: str) -> PredictionRecord:
    """A row as the server makes it."""
    return PredictionRecord(
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
        sketch=bytes(SKETCH_BYTES),
    )


def _started_writer(url: str, spill: Path) -> LogWriter:
    writer = LogWriter(url, spill)
    writer.start()
    while not writer.stats().database_up:
        time.sleep(0.01)
    return writer


def cpu_per_row(postgres: Postgres, url: str, spill: Path, load: Load, rate: int, seconds: float) -> dict[str, Any]:
    """CPU time of a row at a steady rate: of its request, of the writer's thread, which makes it, and of Postgres."""
    rows = round(rate * seconds)
    writer = _started_writer(url, spill)
    making = 0.0
    thread, process, database = time.thread_time(), time.process_time(), postgres.cpu_seconds()
    started = time.perf_counter()
    for number in range(rows):
        before = time.thread_time()
        writer.put(partial(_row, load.texts[number % len(load.texts)]))
        making += time.thread_time() - before
        time.sleep(max(0.0, started + number / rate - time.perf_counter()))
    while writer.stats().written < rows:
        time.sleep(0.01)
    others = time.process_time() - process - (time.thread_time() - thread)
    database = postgres.cpu_seconds() - database
    writer.close()
    shares = {"request": making, "writer": others, "postgres": database}
    return {"load": load.name, "rows_per_second": rate} | {
        f"{place}_us": round(taken / rows * 1e6, 1) for place, taken in shares.items()
    }


def rows_per_second(url: str, spill: Path, texts: list[str], rows: int) -> dict[str, Any]:
    """Measure how fast the writer inserts rows with texts into Postgres, alone; no row may be spilled."""
    records = [partial(_row, texts[number % len(texts)]) for number in range(rows)]
    writer = _started_writer(url, spill)
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
    stats = writer.stats()
    return {
        "rows": rows,
        "mean_text_bytes": round(float(np.mean([len(text.encode()) for text in texts]))),
        "rows_per_second": round(rows / seconds),
        "spilled": stats.spilled,
        "lost": stats.lost,
    }


def _started(recipe: Recipe, here: Setting) -> Running:
    return Running(recipe, here.runs / f"{recipe.name.replace(' ', '-')}.log")


def main() -> None:
    parser = setting.parser(__doc__, "serving_log_cost")
    parser.set_defaults(lengths=["32", "mix"])
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=10, help="of each run (10)")
    parser.add_argument("--warm", type=float, default=1)
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument(
        "--rate", type=int, default=500, help="rows a second at which a row's CPU time is measured (500)"
    )
    parser.add_argument("--rows", type=int, default=100_000, help="brought into Postgres in isolation (100,000)")
    options = parser.parse_args()
    described = machine()
    here = setting.make(options, "log-cost")
    with Postgres(durable=True) as postgres:
        urls = [postgres.new_database() for _ in range(2)]
        for url in urls:
            upgrade(url)
        console.print("rows into Postgres")
        by_place = [
            cpu_per_row(postgres, urls[0], here.runs / "spill-steady", load, options.rate, 2 * options.seconds)
            for load in here.loads
        ]
        console.print(by_place)
        alone = rows_per_second(urls[0], here.runs / "spill-alone", here.load("mix").texts, options.rows)
        console.print(alone)
        recipe = ours(here.model, here.runs / "on", DATABASE_URL=urls[1])
        other = _without_log(ours(here.model, here.runs / "off"))
        with _started(recipe, here) as on, _started(other, here) as off:
            rows = [compared(on, off, load, options) for load in here.loads]
        console.print(rows)
    document = {
        "machine": described,
        "release": {"id": here.model.manifest.release_id, "base_model": options.base},
        "seconds": options.seconds,
        "pairs": rows,
        "cpu_per_row": by_place,
        "postgres": alone,
    }
    console.print(f"written: {save(options.result, document)}")


if __name__ == "__main__":
    main()
