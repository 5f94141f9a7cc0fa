"""Rows lost and predictions failed under load: Postgres gone, the journal's disk full, the server ended or killed.

    python benchmarks/faults/run.py --release-uri var/releases --texts reviews.csv.gz

A full disk needs the right to mount a small file system (root); without it that part is left out, with the reason.
"""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from database_gone import database_gone
from disk_full import NoSmallDisk, disk_full
from harness import machine, read_texts, save
from kit.postgres import Postgres
from scene import Scene, console
from server_ended import POSTGRES, flush_seconds, killed, terminated

from model_release import ReleaseStore
from prediction_log.ingest.writer import HELD_SECONDS


def _measured(fault: Callable[..., dict[str, Any]], *arguments: object) -> dict[str, Any]:
    """Return the fault's figures, or the reason why this machine cannot cause it."""
    try:
        outcome = fault(*arguments)
    except NoSmallDisk as error:
        outcome = {"left_out": f"no small file system can be mounted here: {error}"}
    console.print(outcome)
    return outcome


def measure(scene: Scene, options: argparse.Namespace) -> dict[str, Any]:
    """Every fault's figures, by its name in the result file."""
    return {
        "postgres_stopped": _measured(database_gone, scene, options.seconds),
        "disk_full": _measured(disk_full, scene, options.full_seconds, "there"),
        "disk_full_postgres_stopped": _measured(disk_full, scene, options.full_seconds, "away"),
        "server_sigterm": _measured(terminated, scene),
        "server_killed": {state: _measured(killed, scene, options.kills, state) for state in POSTGRES},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--release-uri", default="var/releases")
    parser.add_argument("--name", default="sentiment")
    parser.add_argument("--texts", type=Path, required=True, help="CSV with a column `text`")
    parser.add_argument("--seconds", type=float, default=60, help="that Postgres is gone (60)")
    parser.add_argument("--full-seconds", type=float, default=30, help="that the journal's disk is full (30)")
    parser.add_argument("--kills", type=int, default=5, help="of the server in each state of Postgres (5)")
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--result", default="faults", help="name of the result file (faults)")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # or disk and Postgres would stay behind
    described, started = machine(), time.monotonic()
    store = ReleaseStore(options.release_uri)
    champion = store.champion(options.name)
    if champion is None:
        parser.error("no champion in the store: promote a release first")
    texts = read_texts(options.texts, 1000)
    with tempfile.TemporaryDirectory() as scratch, Postgres() as postgres:
        work = Path(scratch)
        model_dir = store.fetch(options.name, champion.id, work / "cache") / "serving"
        outcomes = measure(Scene(model_dir, postgres, texts, options.clients, work), options)
    document = {
        "machine": described,
        "release": champion.id,
        "clients": options.clients,
        "flush_seconds": flush_seconds(),
        "held_seconds": HELD_SECONDS,
        "seconds_in_all": round(time.monotonic() - started),
        **outcomes,
    }
    console.print(f"written: {save(options.result, document)}")


if __name__ == "__main__":
    main()
