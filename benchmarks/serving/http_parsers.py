"""HTTP/1.1 protocol classes side by side: CPU time of a request, latency, and the answers to unusual requests.

    python benchmarks/serving/http_parsers.py

Uvicorn's class on h11, its class on httptools, and ours (`sentiment_common/http`), each on asyncio's loop and on
uvloop. All six servers run at once, each in a separate process (`parser_app.py`). One of them receives requests at a
time, from one client with a blocking socket on one connection. A round asks every server, and each round begins with
another one. The CPU time is the server's own, user and system. The kernel counts it in hundredths of a second, so a
round has thousands of requests.
"""

import argparse
import contextlib
import importlib.metadata
import json
import socket
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

_ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(_ROOT), str(_ROOT / "benchmarks")]

from harness import free_port, machine, save
from load import GONE, post_requests, receive
from parser_app import LOOPS, PARSERS
from rich.console import Console
from servers import Recipe, Running

console = Console()
PROGRAM = Path(__file__).with_name("parser_app.py")
PACKAGES = ("uvicorn", "h11", "httptools", "uvloop")
TIMEOUT_SECONDS = 30.0
WARM_REQUESTS = 500  # before each round, on the same connection
BODY = json.dumps({"text": "A film that takes its time, and is worth it."})
PROBE = "5"
_HOST, _PROBE = b"Host: 127.0.0.1\r\n", b"X-Probe: " + PROBE.encode()
_OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n"
CASES = {  # header fields of a POST request with `BODY`
    "offer of h2c": _HOST + _OFFER + _PROBE,
    "header of 1 MB": _HOST + b"A: " + b"x" * 2**20 + b"\r\n" + _PROBE,
    "blanks behind a value": _HOST + _PROBE + b" \t",
    "no Host": _PROBE,
}


def _connect(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def summary(status: int, body: bytes) -> str:
    """The status of an answer, and what the application did not see as it was sent."""
    if status == GONE:
        return "closed"
    if status != 200:
        return str(status)
    seen, parts = json.loads(body), ["200"]
    if seen["bytes"] != len(BODY):
        parts.append("body lost")
    if seen["probe"] != PROBE:
        parts.append("blanks kept")
    return ", ".join(parts)


def cases(port: int) -> dict[str, str]:
    """A server's answer to each of `CASES`, on a new connection each."""
    answers = {}
    for name, fields in CASES.items():
        request = b"POST / HTTP/1.1\r\n%s\r\nContent-Length: %d\r\n\r\n%s" % (fields, len(BODY), BODY.encode())
        with contextlib.closing(_connect(port)) as connection:
            with contextlib.suppress(ConnectionError):  # an early refusal may have arrived before the reset
                connection.sendall(request)
            status, body, _ = receive(connection)
        answers[name] = summary(status, body)
    return answers


def _ask(connection: socket.socket, request: bytes, count: int) -> list[float]:
    """Seconds that each of `count` requests took.

    Raises:
        RuntimeError: a request was not answered as it should be.
    """
    taken = []
    for _ in range(count):
        started = time.perf_counter()
        connection.sendall(request)
        status, body, ended = receive(connection)
        taken.append(ended - started)
        if status != 200 or json.loads(body)["bytes"] != len(BODY):
            raise RuntimeError(f"a request was answered {status} {body[:200].decode(errors='replace')}")
    return taken


def one_round(running: Running, count: int) -> tuple[float, list[float]]:
    """The server's CPU seconds a request, and the seconds that each took."""
    (request,) = post_requests(running.recipe.port, "/", [BODY])
    with contextlib.closing(_connect(running.recipe.port)) as connection:
        _ask(connection, request, WARM_REQUESTS)
        before = running.cpu_seconds()
        taken = _ask(connection, request, count)
        return (running.cpu_seconds() - before) / count, taken


def recipe(parser: str, loop: str) -> Recipe:
    """The start of one of the servers."""
    port = free_port()
    settings = {"PORT": str(port), "PYTHONPATH": str(_ROOT)}
    command = [sys.executable, str(PROGRAM), parser, loop]
    return Recipe(f"{parser}-{loop}", command, settings, port, "text", f"{parser} on {loop}", ready_path="/")


def measure(servers: Iterable[tuple[str, str]], rounds: int, count: int, logs: Path) -> list[dict[str, Any]]:
    """A row for each pair of a protocol class and a loop."""
    with contextlib.ExitStack() as stack:
        started = []
        for parser, loop in servers:
            made = recipe(parser, loop)
            running = stack.enter_context(Running(made, logs / f"{made.name}.log"))
            started.append((parser, loop, made, running))
        cpu: dict[str, list[float]] = {made.name: [] for _, _, made, _ in started}
        latencies: dict[str, list[float]] = {name: [] for name in cpu}
        for number in range(rounds):
            first = number % len(started)
            for _, _, made, running in [*started[first:], *started[:first]]:
                seconds, taken = one_round(running, count)
                cpu[made.name].append(seconds * 1e6)
                latencies[made.name] += taken
        return [
            {
                "parser": parser,
                "loop": loop,
                "cpu_us": round(float(np.median(cpu[made.name])), 1),
                "cpu_us_by_round": [round(value, 1) for value in cpu[made.name]],
                "p50_us": round(float(np.median(latencies[made.name])) * 1e6, 1),
                "cases": cases(made.port),
            }
            for parser, loop, made, _ in started
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=6, help="of all servers (6)")
    parser.add_argument("--requests", type=int, default=20_000, help="of a round to each server (20000)")
    parser.add_argument("--work", type=Path, default=Path("var/serving-benchmark"), help="for the servers' output")
    parser.add_argument("--result", default="serving_http_parsers", help="name of the result file")
    options = parser.parse_args()
    described = machine()
    logs = options.work / "http-parsers"
    logs.mkdir(parents=True, exist_ok=True)
    servers = [(parser, loop) for loop in LOOPS for parser in PARSERS]
    document = {
        "machine": described,
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
        "rounds": options.rounds,
        "requests": options.requests,
        "servers": measure(servers, options.rounds, options.requests, logs),
    }
    console.print(document)
    console.print(f"written: {save(options.result, document)}")


if __name__ == "__main__":
    main()
