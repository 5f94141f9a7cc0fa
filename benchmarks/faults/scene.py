"""The scene that the faults share: a release, a real Postgres, clients that keep their answers, and the tally of them.

Every answered prediction returns its id. After a fault the log must hold each id exactly once.
"""

import random
import re
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

_ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(_ROOT), str(_ROOT / "benchmarks"), str(_ROOT / "tests")]

from harness import ServerProcess
from kit.postgres import Postgres
from rich.console import Console

from prediction_log import upgrade
from sentiment_cli.client.transports import connect
from sentiment_cli.errors import ServerAnswer

console = Console()
TRANSPORTS = ("rest-json", "grpc")
WATCH_SECONDS = 0.1
AROUND_SECONDS = 3.0  # of load before a fault of the surroundings, and between its end and the next step
SETTLE_SECONDS = 90.0
_GAUGE = re.compile(r"^ml_log_(\w+) (\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Scene:
    """The place of the faults: the predictor's folder, a running Postgres, texts, a folder for the servers' output."""

    model_dir: Path
    postgres: Postgres
    texts: list[str]
    clients: int
    work: Path

    def database(self) -> str:
        """The URL of a log with no rows."""
        url = self.postgres.new_database()
        upgrade(url)
        return url

    def server(self, url: str, name: str, **environment: str) -> ServerProcess:
        """A server process that logs to `url`; servers of one name share a journal."""
        return ServerProcess(self.model_dir, url, self.work / name, **environment)

    @contextmanager
    def load(self, server: ServerProcess) -> Iterator["Tally"]:
        """Clients of both transports, each sending one text after the other, until the end of the `with`."""
        stop, tally = threading.Event(), Tally()
        jobs = [(TRANSPORTS[n % len(TRANSPORTS)], server, self.texts, n, stop, tally) for n in range(self.clients)]
        threads = [threading.Thread(target=_client, args=job) for job in jobs]
        for thread in threads:
            thread.start()
        try:
            yield tally
        finally:
            stop.set()
            for thread in threads:
                thread.join()


@dataclass
class Tally:
    """The clients' record: ids answered, with the moment of each; failures; calls refused before they were taken.

    Moments are `time.monotonic()`.
    """

    answered: dict[str, float] = field(default_factory=dict)
    failed: list[tuple[float, str]] = field(default_factory=list)
    refused: int = 0
    slowest_ms: float = 0.0

    def add(self, other: "Tally") -> None:
        """Add another load's record."""
        self.answered |= other.answered
        self.failed += other.failed
        self.refused += other.refused
        self.slowest_ms = max(self.slowest_ms, other.slowest_ms)


def _client(
    transport: str, server: ServerProcess, texts: list[str], seed: int, stop: threading.Event, tally: Tally
) -> None:
    rng = random.Random(seed)
    client = connect(transport, server.url, server.grpc_target)
    while not stop.is_set():
        started = time.monotonic()
        try:
            answer = client.predict([rng.choice(texts)])[0]
            tally.answered[str(answer.prediction_id)] = time.monotonic()
        except ServerAnswer as error:
            message = str(error)
            # A closed port or a 503 of a server that drains: nothing was taken, a client goes to the next replica.
            if "no server answers" in message or "UNAVAILABLE" in message or "503" in message:
                tally.refused += 1
                time.sleep(0.05)
            else:
                tally.failed.append((time.monotonic(), message))
        tally.slowest_ms = max(tally.slowest_ms, (time.monotonic() - started) * 1000)
    client.close()


def log_gauges(server: ServerProcess) -> dict[str, float]:
    """Return the writer's figures from the server's metrics, without `ml_log_`; empty while it does not answer."""
    try:
        with urllib.request.urlopen(f"{server.url}/metrics", timeout=5) as answer:
            return {name: float(value) for name, value in _GAUGE.findall(answer.read().decode())}
    except (urllib.error.URLError, OSError):
        return {}


class Sampler:
    """Call `sample` every so many seconds, in a thread, during the `with`."""

    def __init__(self, every_seconds: float, sample: Callable[[], None]) -> None:
        self._every, self._sample, self._stop = every_seconds, sample, threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            self._sample()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


class Watch(Sampler):
    """The most rows that a server kept in memory during the `with`, sampled."""

    def __init__(self, server: ServerProcess) -> None:
        super().__init__(WATCH_SECONDS, self._look)
        self.most_rows = 0
        self._server = server

    def _look(self) -> None:
        self.most_rows = max(self.most_rows, int(log_gauges(self._server).get("queued", 0)))


def wait_until(happened: Callable[[], bool], what: str, seconds: float = SETTLE_SECONDS) -> None:
    """Poll until the condition holds.

    Raises:
        RuntimeError: it has not happened in the time.
    """
    end = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > end:
            raise RuntimeError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.1)


def settle(server: ServerProcess) -> None:
    """Wait until the server no longer holds a row, in memory or in its journal."""

    def settled() -> bool:
        gauges = log_gauges(server)
        waiting = gauges.get("queued", 1) + gauges.get("journal_rows", 1)
        return waiting == 0 and gauges["database_up"] == 1

    wait_until(settled, f"the log of {server.url} holds no rows")


def logged_ids(scene: Scene, url: str) -> list[str]:
    """Every id in the log, duplicates kept."""
    return [str(row["id"]) for row in scene.postgres.execute("SELECT id FROM predictions", url)]


def account(tally: Tally, ids: list[str]) -> dict[str, Any]:
    """Answers beside rows."""
    return {
        "predictions_answered": len(tally.answered),
        "predictions_failed": len(tally.failed),
        "refused_before_taken": tally.refused,
        "rows_logged": len(ids),
        "rows_lost": len(tally.answered.keys() - set(ids)),
        "rows_twice": len(ids) - len(set(ids)),
        "slowest_answer_ms": round(tally.slowest_ms),
        "first_failures": [message for _, message in tally.failed[:3]],
    }
