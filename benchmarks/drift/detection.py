"""Drift checks: the rate of false alarms, the rate of detected foreign traffic, and the cost of a large window.

    python benchmarks/drift/detection.py --release-uri var/releases --reference-data imdb_test.csv.gz \
        --shift-data yelp=yelp_reviews.csv.gz --shift-data amazon=uci_amazon.csv.gz

Data are CSV files with the columns text and label (0 or 1), gzipped or not. Texts are scored once by the release and
kept in var/benchmarks/. Writes results/drift.json and, from it, results/drift.md.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

import numpy as np
from harness import RESULTS, machine, markdown, save
from pools import CACHE, joined, match_lengths, read_rows, scored
from rich.console import Console
from rich.progress import track

from drift_cronjob.detectors.battery import BatteryLimits, run_battery
from drift_cronjob.statistics.thresholds import judge
from drift_cronjob.statistics.verdict import Verdict, decide
from drift_cronjob.window.sample import Sample
from drift_cronjob.window.sources import choose_release
from model_release import ReleaseStore, Scorer
from model_release.scoring.features import DESCRIPTORS
from sentiment_common.intervals import wilson

console = Console()
SHARES = (0.10, 0.25, 0.50, 1.0)
NO_FEEDBACK = np.zeros(0, dtype=np.bool_)


def verdict_on(reference: Sample, window: Sample, rng: np.random.Generator) -> Verdict:
    """The verdict of a check with the default settings."""
    limits = BatteryLimits()
    battery = run_battery(DESCRIPTORS, reference, window, NO_FEEDBACK, limits, rng)
    return decide(judge(battery.statistics, limits.alpha)).verdict


def tally(draw: Callable[[], tuple[Sample, Sample]], repeats: int, rng: np.random.Generator) -> dict[str, Any]:
    """The verdicts on `repeats` drawn pairs of reference and window."""
    started = time.perf_counter()
    verdicts = Counter(verdict_on(*draw(), rng) for _ in range(repeats))
    alarms = wilson(verdicts[Verdict.DRIFT], repeats)
    return {
        "checks": repeats,
        "drift": verdicts[Verdict.DRIFT],
        "warning": verdicts[Verdict.WARNING],
        "stable": verdicts[Verdict.STABLE],
        "drift_interval": [round(alarms.low, 4), round(alarms.high, 4)],
        "seconds_a_check": round((time.perf_counter() - started) / repeats, 4),
    }


def false_alarms(pool: Sample, rows: int, splits: int, rng: np.random.Generator) -> dict[str, Any]:
    """A/A: one pool is split again each time into a reference and a window of `rows` rows."""

    def draw() -> tuple[Sample, Sample]:
        order = rng.permutation(len(pool))
        return pool.take(order[:rows]), pool.take(order[rows : 2 * rows])

    return {"rows": rows} | tally(draw, splits, rng)


def detection(
    pool: Sample, foreign: Sample, share: float, rows: int, reference_rows: int, repeats: int, rng: np.random.Generator
) -> dict[str, Any]:
    """Windows of `rows` rows of which a share is foreign, against references from the pool."""
    strange = round(rows * share)

    def draw() -> tuple[Sample, Sample]:
        order = rng.permutation(len(pool))
        own = pool.take(order[reference_rows : reference_rows + rows - strange])
        picked = rng.choice(len(foreign), strange, replace=strange > len(foreign))
        return pool.take(order[:reference_rows]), joined(own, foreign.take(picked))

    return tally(draw, repeats, rng)


def fill_log(url: str, release_id: str, pool: Sample, texts: list[str], rows: int, rng: np.random.Generator) -> float:
    """Log `rows` resampled answers through the server's writer; return the seconds."""
    from prediction_log import LogWriter, PredictionRecord, new_id, upgrade

    upgrade(url)
    started = time.perf_counter()
    writer = LogWriter(url, Path(url.removeprefix("sqlite:///")).parent / "spill")
    writer.start()
    sketches = pool.sketch.astype("<f2")
    for number, row in enumerate(track(rng.integers(len(pool), size=rows), "logging rows", console=console)):
        while writer.stats().queued > 5_000:
            time.sleep(0.01)
        writer.put(
            PredictionRecord(
                id=new_id(),
                release_id=release_id,
                label="positive" if pool.label[row] else "negative",
                probability=float(pool.probability[row]),
                confidence=float(pool.confidence[row]),
                margin=float(pool.margin[row]),
                tokens=int(pool.descriptors[row, 1]),
                truncated=False,
                latency_ms=10.0,
                source="v2-rest",
                client=None,
                text=texts[row],
                text_hash=f"{number:064x}",  # each copy counts as a separate text: only the size matters here
                descriptors=dict(zip(DESCRIPTORS, pool.descriptors[row].tolist(), strict=True)),
                sketch=sketches[row].tobytes(),
            )
        )
    writer.close(timeout=120)
    stats = writer.stats()
    if stats.lost or stats.written + stats.replayed < rows:
        raise RuntimeError(f"the log does not hold all {rows} rows: {stats}")
    return time.perf_counter() - started


def measured(command: list[str], environment: dict[str, str], scratch: Path) -> dict[str, Any]:
    """Run a drift check as a separate process; return its outcome, seconds and peak resident memory."""
    with (scratch / "out").open("w+") as out, (scratch / "err").open("w+") as err:
        started = time.perf_counter()
        process = subprocess.Popen(command, env=os.environ | environment, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, 10, 20):
        raise RuntimeError(f"the check ended with {code}: {(scratch / 'err').read_text()[-2000:]}")
    outcome = json.loads((scratch / "out").read_text())
    return {
        "seconds": round(seconds, 2),
        "peak_mib": round(usage.ru_maxrss / 1024),
        "verdict": outcome["verdict"],
        "rows": outcome["rows"],
        "texts_compared": outcome["texts"],
    }


def large_window(
    releases_uri: str, release_id: str, pool: Sample, texts: list[str], rows: int, rng: np.random.Generator
) -> dict[str, Any]:
    """Time and memory of `python -m drift_cronjob check` on a window of `rows` rows, without and with its report."""
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        url = f"sqlite:///{folder}/log.db"
        logged = fill_log(url, release_id, pool, texts, rows, rng)
        command = [sys.executable, "-m", "drift_cronjob", "check", "--release", release_id, "--json", "--report-dir"]
        environment = {"DATABASE_URL": url, "RELEASES_URI": releases_uri, "DRIFT_CACHE_DIR": folder}
        return {
            "rows": rows,
            "seconds_to_log": round(logged, 1),
            "check": measured([*command, "none"], environment, Path(folder)),
            "check_and_report": measured([*command, folder], environment, Path(folder)),
        }


def tables(document: dict[str, Any]) -> str:
    """The Markdown page of a result."""
    host, alarms, window = document["machine"], document["false_alarms"], document["large_window"]
    parts = [
        "# Drift detection\n\n",
        f"{host['cpu']}, {host['cores']} cores, {host['measured']}; release {document['release_id']}, reference and "
        f"like traffic from {document['reference_data']} ({document['pool_rows']:,} rows).\n\n",
        "## False alarms\n\nOne pool, split again each time into a reference and a window.\n\n",
        markdown(
            ["rows a side", "checks", "drift", "95 % interval", "warning", "seconds a check"],
            [
                [
                    alarms["rows"],
                    alarms["checks"],
                    alarms["drift"],
                    "{:.1%} to {:.1%}".format(*alarms["drift_interval"]),
                    alarms["warning"],
                    alarms["seconds_a_check"],
                ]
            ],
        ),
        "\n## Detection\n\nShare of windows with the verdict `drift` (in brackets `drift` or `warning`), "
        f"against references of {document['reference_rows']:,} rows.\n\n",
    ]
    sizes = document["window_rows"]
    lines = []
    cells = {(c["foreign"], c["lengths"], c["share"], c["rows"]): c for c in document["detection"]}
    for foreign, lengths, share in dict.fromkeys(
        (c["foreign"], c["lengths"], c["share"]) for c in document["detection"]
    ):
        line: list[object] = [foreign, lengths, f"{share:.0%}"]
        for rows in sizes:
            cell = cells[foreign, lengths, share, rows]
            seen = (cell["drift"] + cell["warning"]) / cell["checks"]
            line.append(f"{cell['drift'] / cell['checks']:.0%} ({seen:.0%})")
        lines.append(line)
    parts.append(markdown(["foreign texts", "lengths", "share", *(f"{rows} rows" for rows in sizes)], lines))
    if window:
        parts.append(f"\n## A window of {window['rows']:,} rows\n\n")
        parts.append(
            markdown(
                ["", "seconds", "peak memory", "texts compared"],
                [
                    [
                        label,
                        window[key]["seconds"],
                        f"{window[key]['peak_mib']} MiB",
                        f"{window[key]['texts_compared']:,}",
                    ]
                    for key, label in (("check", "check"), ("check_and_report", "check and report"))
                ],
            )
        )
    return "".join(parts)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--release-uri", default="var/releases", help="where releases live")
    parser.add_argument("--release", help="id or its start; the champion unless given")
    parser.add_argument("--name", default="sentiment")
    parser.add_argument("--reference-data", type=Path, required=True)
    parser.add_argument("--shift-data", action="append", default=[], metavar="NAME=PATH")
    parser.add_argument("--pool-rows", type=int, default=6_000)
    parser.add_argument("--foreign-rows", type=int, default=1_000)
    parser.add_argument("--reference-rows", type=int, default=2_000)
    parser.add_argument("--splits", type=int, default=200)
    parser.add_argument("--split-rows", type=int, default=500)
    parser.add_argument("--window-rows", type=int, nargs="+", default=[200, 500, 1000])
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--large-window", type=int, default=100_000, help="0 leaves it out")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main() -> None:
    options = arguments()
    rng = np.random.default_rng(options.seed)
    host = machine()
    store = ReleaseStore(options.release_uri)
    release_id = choose_release(store, options.name, options.release, frozenset(), dict)
    scorer = Scorer.load(store.fetch(options.name, release_id, CACHE / "releases"))
    texts, labels = read_rows(options.reference_data, options.pool_rows, options.seed)
    pool = scored(scorer, "pool", texts, labels)
    lengths = [len(text.split()) for text in texts]
    alarms = false_alarms(pool, options.split_rows, options.splits, rng)
    console.print("false alarms", alarms)
    found = []
    for pair in options.shift_data:
        name, _, path = pair.partition("=")
        own_texts, own_labels = read_rows(Path(path), options.foreign_rows, options.seed)
        matched = match_lengths(own_texts, own_labels, lengths, options.foreign_rows, options.seed)
        for kind, rows in (("their own", (own_texts, own_labels)), ("matched", matched)):
            foreign = scored(scorer, f"{name}-{kind.replace(' ', '-')}", *rows)
            for share in SHARES:
                for size in options.window_rows:
                    cell = detection(pool, foreign, share, size, options.reference_rows, options.repeats, rng)
                    found.append({"foreign": name, "lengths": kind, "share": share, "rows": size} | cell)
                    console.print(found[-1])
    large = None
    if options.large_window:
        large = large_window(options.release_uri, release_id, pool, texts, options.large_window, rng)
    threads = {key: os.environ[key] for key in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS") if key in os.environ}
    document = {
        "machine": host | {"threads": threads or "default"},
        "release_id": release_id,
        "reference_data": options.reference_data.name,
        "pool_rows": len(pool),
        "reference_rows": options.reference_rows,
        "window_rows": options.window_rows,
        "false_alarms": alarms,
        "detection": found,
        "large_window": large,
    }
    path = save("drift", document)
    (RESULTS / "drift.md").write_text(tables(json.loads(path.read_text())))
    console.print(f"written: {path} and {RESULTS / 'drift.md'}")


if __name__ == "__main__":
    main()
