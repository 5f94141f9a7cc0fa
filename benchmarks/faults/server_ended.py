"""The server ends under load: by SIGTERM, or killed (SIGKILL) with Postgres present, gone, or frozen.

A killed process loses what only its memory held. Each lost row has an age: how long before the kill it was answered.
With Postgres away that is also a matter of the disk: while the journal syncs some rows, the next ones wait.
"""

import inspect
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scene import Sampler, Scene, Tally, account, console, logged_ids, settle

from prediction_log import LogWriter

POSTGRES = ("there", "away", "frozen")
LOAD_SECONDS = 2.0  # before the fault
AFTER_SECONDS = 0.3  # for the clients to see it
SYNC_BYTES, SYNC_EVERY_SECONDS = 50_000, 0.1  # what a spill of half a second weighs


def flush_seconds() -> float:
    """How long a row of the server's waits in memory for others before it is written."""
    return float(inspect.signature(LogWriter).parameters["flush_seconds"].default)


class SyncWatch(Sampler):
    """The longest that the disk of `folder` took to sync a write during the `with`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(SYNC_EVERY_SECONDS, self._write)
        self.slowest_ms = 0.0
        self._file = folder / "sync-watch"

    def _write(self) -> None:
        with self._file.open("ab", buffering=0) as stream:
            stream.write(bytes(SYNC_BYTES))
            started = time.monotonic()
            os.fsync(stream.fileno())
            self.slowest_ms = max(self.slowest_ms, (time.monotonic() - started) * 1000)


def terminated(scene: Scene) -> dict[str, Any]:
    """Rows lost when a server gets SIGTERM."""
    url = scene.database()
    with scene.server(url, "terminated") as server, scene.load(server) as tally:
        time.sleep(LOAD_SECONDS)
        console.print("SIGTERM to the server under load")
        started = time.monotonic()
        code = server.stop()
        took = time.monotonic() - started
    return {"exit_code": code, "seconds_to_exit": round(took, 2), **account(tally, logged_ids(scene, url))}


def _kill(scene: Scene, url: str, name: str, before: Callable[[], None]) -> tuple[Tally, float]:
    """Kill a server; return its clients' tally and the moment of the kill."""
    with scene.server(url, name) as server, scene.load(server) as tally:
        time.sleep(LOAD_SECONDS)
        before()
        moment = time.monotonic()
        server.process.kill()
        server.process.wait()
        time.sleep(AFTER_SECONDS)
    tally.failed = [failure for failure in tally.failed if failure[0] < moment]  # what it cut off is no answer
    return tally, moment


def killed(scene: Scene, kills: int, state: str) -> dict[str, Any]:
    """Rows lost by `kills` servers, one after the other on one journal, in a state of `POSTGRES`.

    `frozen` it is from up to two seconds before each kill, so that the server waits for an insert.
    """
    url, name, postgres = scene.database(), f"killed-{state}", scene.postgres
    rng = random.Random(0)

    def before() -> None:
        if state == "frozen":
            postgres.pause()
        time.sleep(rng.uniform(0, 4 * flush_seconds()))  # anywhere between two flushes

    loads = []
    if state == "away":
        postgres.stop("immediate")
    with SyncWatch(scene.work) as disk:
        for n in range(kills):
            console.print(f"kill -9 of the server under load, {n + 1} of {kills}, Postgres {state}")
            loads.append(_kill(scene, url, name, before))
            postgres.resume()
    if state == "away":
        postgres.start()
    with scene.server(url, name) as following:
        settle(following)
    return {**_account(loads, logged_ids(scene, url)), "slowest_sync_ms": round(disk.slowest_ms)}


def _account(loads: list[tuple[Tally, float]], ids: list[str]) -> dict[str, Any]:
    """All kills together, and of each its lost rows: how many, and the age of the oldest."""
    logged, whole, each = set(ids), Tally(), []
    for tally, moment in loads:
        whole.add(tally)
        ages = [round((moment - at) * 1000) for name, at in tally.answered.items() if name not in logged]
        each.append({"rows_lost": len(ages), "oldest_lost_ms": max(ages, default=0)})
    oldest = max(kill["oldest_lost_ms"] for kill in each)
    return {"kills": len(loads), **account(whole, ids), "oldest_lost_ms": oldest, "each": each}
