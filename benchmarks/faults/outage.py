"""Rows lost and predictions failed: Postgres gone for a while under load, and the server stopped under load.

    python benchmarks/faults/outage.py --release-uri var/releases --texts reviews.csv.gz

Every answered prediction returns its id. After the fault each id must stand in the log exactly once.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(_ROOT), str(_ROOT / "benchmarks"), str(_ROOT / "tests")]

from harness import ServerProcess, machine, read_texts, save
from postgres import Postgres
from rich.console import Console

from model_release import ReleaseStore
from prediction_log import upgrade
from sentiment_cli.client import connect
from sentiment_cli.errors import ServerAnswer

console = Console()


@dataclass
class Tally:
    """What the clients saw: ids of answered predictions; failures; calls refused before the server took them."""

    ids: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    refused: int = 0
    slowest_ms: float = 0.0


def _client(
    transport: str, server: ServerProcess, texts: list[str], seed: int, stop: threading.Event, tally: Tally
) -> None:
    rng = random.Random(seed)
    client = connect(transport, server.url, server.grpc_target)
    while not stop.is_set():
        started = time.perf_counter()
        try:
            tally.ids.append(str(client.predict([rng.choice(texts)])[0].prediction_id))
        except ServerAnswer as error:
            said = str(error)
            # A closed port or a 503 of a server that drains: nothing was taken, a client goes to the next replica.
            if "no server answers" in said or "UNAVAILABLE" in said or "503" in said:
                tally.refused += 1
                time.sleep(0.05)
            else:
                tally.failed.append(said)
        tally.slowest_ms = max(tally.slowest_ms, (time.perf_counter() - started) * 1000)
    client.close()


class Load:
    """Clients of both transports until `stop`."""

    def __init__(self, server: ServerProcess, texts: list[str], clients: int) -> None:
        self._stop, self.tally = threading.Event(), Tally()
        kinds = ["rest-json", "grpc"]
        jobs = [(kinds[n % 2], server, texts, n, self._stop, self.tally) for n in range(clients)]
        self._threads = [threading.Thread(target=_client, args=job) for job in jobs]
        for thread in self._threads:
            thread.start()

    def stop(self) -> Tally:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        return self.tally


def logged_ids(url: str) -> list[str]:
    """Every id in the log, duplicates kept."""
    import asyncpg

    async def read() -> list[str]:
        connection = await asyncpg.connect(url)
        try:
            return [str(row["id"]) for row in await connection.fetch("SELECT id FROM predictions")]
        finally:
            await connection.close()

    return asyncio.run(read())


def settle(url: str, expected: int, seconds: float = 60) -> list[str]:
    """The log's ids once all expected ones are there or the time is up."""
    end = time.monotonic() + seconds
    while len(ids := logged_ids(url)) < expected and time.monotonic() < end:
        time.sleep(0.5)
    return ids


def account(tally: Tally, ids: list[str]) -> dict[str, Any]:
    return {
        "predictions_answered": len(tally.ids),
        "predictions_failed": len(tally.failed),
        "refused_before_taken": tally.refused,
        "rows_logged": len(ids),
        "rows_lost": len(set(tally.ids) - set(ids)),
        "rows_twice": len(ids) - len(set(ids)),
        "slowest_answer_ms": round(tally.slowest_ms),
        "first_failures": tally.failed[:3],
    }


def database_gone(
    postgres: Postgres, server: ServerProcess, url: str, texts: list[str], options: Any
) -> dict[str, Any]:
    load = Load(server, texts, options.clients)
    time.sleep(5)
    postgres.stop("immediate")
    console.print(f"Postgres stopped for {options.seconds} s under load")
    time.sleep(options.seconds)
    postgres.start()
    time.sleep(5)
    tally = load.stop()
    return {"seconds_gone": options.seconds, **account(tally, settle(url, len(set(tally.ids))))}


def server_stopped(server: ServerProcess, url: str, texts: list[str], options: Any) -> dict[str, Any]:
    before = set(logged_ids(url))
    load = Load(server, texts, options.clients)
    time.sleep(5)
    started = time.perf_counter()
    code = server.stop()
    took = time.perf_counter() - started
    tally = load.stop()
    ids = [row for row in settle(url, len(before) + len(tally.ids), 5) if row not in before]
    return {"exit_code": code, "seconds_to_exit": round(took, 2), **account(tally, ids)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--release-uri", default="var/releases")
    parser.add_argument("--name", default="sentiment")
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=60, help="that Postgres is gone (60)")
    parser.add_argument("--clients", type=int, default=4)
    options = parser.parse_args()
    described = machine()
    store = ReleaseStore(options.release_uri)
    champion = store.champion(options.name)
    if champion is None:
        parser.error("no champion in the store: promote a release first")
    texts = read_texts(options.texts, 1000)
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        model_dir = store.fetch(options.name, champion.id, work / "cache") / "serving"
        with Postgres() as postgres:
            url = postgres.new_database()
            upgrade(url)
            with ServerProcess(model_dir, url, work) as server:
                outcomes = {"postgres_stopped": database_gone(postgres, server, url, texts, options)}
                console.print(outcomes["postgres_stopped"])
                outcomes["server_sigterm"] = server_stopped(server, url, texts, options)
                console.print(outcomes["server_sigterm"])
    path = save("outage", {"machine": described, "release": champion.id, "clients": options.clients, **outcomes})
    console.print(f"written: {path}")


if __name__ == "__main__":
    main()
