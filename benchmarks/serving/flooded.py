"""A server under a flood of connections: resident memory idle and flooded, and how late its probes are answered.

    python benchmarks/serving/flooded.py --texts reviews.csv.gz
    python benchmarks/serving/flooded.py --texts reviews.csv.gz --checkout /tmp/before --result serving_flooded_before

On loopback, bounded in number and time: uploads that stop one byte before their end, header fields that do not end,
and connections that say nothing, all at once for `--seconds`. Beside them a prober opens a connection ten times a
second and asks for liveness. With `--checkout` the server is started from another folder, so that two results stand
side by side.
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import numpy as np
import setting
from checkouts import ROOT, build_there, commit_of, recipe_of
from harness import machine, save
from rich.console import Console
from servers import INFER, Running

console = Console()
PIECE = 65_536
SAMPLE_SECONDS = 0.2
PROBE_SECONDS = 0.1
PROBE_TIMEOUT_SECONDS = 10.0
LATE_MS = 250.0
REST_SECONDS = 5.0  # after the flood, before memory is read again
HEAD = b"Host: flood\r\n"
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _connect(port: int) -> Stream:
    return await asyncio.open_connection("127.0.0.1", port)


async def _ended(reader: asyncio.StreamReader) -> str:
    """The status of the answer to one of the flood; `closed` where the connection ends without one."""
    line = await reader.readline()
    return line.split()[1].decode() if line.startswith(b"HTTP/1.1 ") else "closed"


async def _send(writer: asyncio.StreamWriter, size: int) -> None:
    for start in range(0, size, PIECE):
        writer.write(b"x" * min(PIECE, size - start))
        await writer.drain()


async def _one(port: int, head: bytes, size: int, outcomes: Counter[str]) -> None:
    """Send a head and `size` bytes that do not complete a request, and wait for the outcome."""
    outcome, writer = "refused", None
    try:
        reader, writer = await _connect(port)
        outcome = "held"
        writer.write(head)
        with contextlib.suppress(ConnectionError):  # an answer may arrive before the reset
            await _send(writer, size)
        outcome = await _ended(reader)
    except ConnectionError:
        outcome = "closed" if writer else "refused"
    finally:
        outcomes[outcome] += 1
        if writer:
            writer.close()


async def _probe(port: int, end: float, taken: list[float]) -> None:
    """Probe liveness on a new connection each time; a failed probe counts as infinitely long."""
    while (now := time.monotonic()) < end:
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_SECONDS):
                reader, writer = await _connect(port)
                writer.write(b"GET /v2/health/live HTTP/1.1\r\n" + HEAD + b"Connection: close\r\n\r\n")
                answered = await _ended(reader) == "200"
                writer.close()
        except (TimeoutError, ConnectionError):
            answered = False
        taken.append((time.monotonic() - now) * 1000 if answered else float("inf"))
        await asyncio.sleep(PROBE_SECONDS)


async def _sample(running: Running, end: float, samples: list[float]) -> None:
    while time.monotonic() < end:
        samples.append(running.resident_mib())
        await asyncio.sleep(SAMPLE_SECONDS)


def _probes(taken: list[float]) -> dict[str, Any]:
    answered = [one for one in taken if one != float("inf")]
    return {
        "asked": len(taken),
        "failed": len(taken) - len(answered),
        "late": sum(one > LATE_MS for one in taken),
        "p50_ms": round(float(np.median(answered)), 1) if answered else None,
        "largest_ms": round(max(answered), 1) if answered else None,
    }


async def flood(running: Running, options: Any) -> dict[str, Any]:
    """The figures of one server before, in and after the flood."""
    port = running.recipe.port
    upload = f"POST {INFER} HTTP/1.1\r\n".encode() + HEAD + b"Content-Length: %d\r\n\r\n" % options.upload_bytes
    header = b"GET /v2 HTTP/1.1\r\n" + HEAD + b"A: "
    kinds = {
        "slow_uploads": (options.uploads, upload, options.upload_bytes - 1),
        "endless_headers": (options.headers, header, options.header_mib * 2**20),
        "idle_connections": (options.idle, b"", 0),
    }
    outcomes = {kind: Counter[str]() for kind in kinds}
    quiet: list[float] = []
    await _probe(port, time.monotonic() + options.seconds / 3, quiet)
    idle = running.resident_mib()
    end = time.monotonic() + options.seconds
    taken: list[float] = []
    samples: list[float] = []
    flooding: list[Coroutine[Any, Any, None]] = [
        _one(port, head, size, outcomes[kind]) for kind, (count, head, size) in kinds.items() for _ in range(count)
    ]
    tasks = [asyncio.create_task(one) for one in flooding]
    await asyncio.gather(_probe(port, end, taken), _sample(running, end, samples))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(REST_SECONDS)
    return {
        "resident_mib": {
            "idle": round(idle, 1),
            "flooded_largest": round(max(samples), 1),
            "flooded_last": round(samples[-1], 1),
            "after": round(running.resident_mib(), 1),
        },
        "probes_quiet": _probes(quiet),
        "probes_flooded": _probes(taken),
        "outcomes": {kind: dict(sorted(counter.items())) for kind, counter in outcomes.items()},
    }


def main() -> None:
    parser = setting.parser(__doc__, "serving_flooded")
    parser.add_argument("--checkout", type=Path, default=ROOT, help="folder whose server is started (this one)")
    parser.add_argument("--seconds", type=float, default=30, help="of the flood (30)")
    parser.add_argument("--uploads", type=int, default=40, help="uploads that stop before their end (40)")
    parser.add_argument("--upload-bytes", type=int, default=8_388_608, help="their Content-Length (8388608)")
    parser.add_argument("--headers", type=int, default=20, help="header fields that do not end (20)")
    parser.add_argument("--header-mib", type=int, default=16, help="MiB that each of them sends (16)")
    parser.add_argument("--idle", type=int, default=500, help="connections that say nothing (500)")
    options = parser.parse_args()
    described = machine()
    checkout = options.checkout.absolute()
    build_there(checkout, options.texts, options.work, options.base)
    here = setting.make(options, "flooded")
    with Running(recipe_of(checkout, "flooded", here), here.runs / "flooded.log") as running:
        seen = asyncio.run(flood(running, options))
    asked = {name: getattr(options, name) for name in ("uploads", "upload_bytes", "headers", "header_mib", "idle")}
    document = {
        "machine": described,
        "commit": commit_of(checkout),
        "seconds": options.seconds,
        "late_ms": LATE_MS,
        "flood": asked,
        **seen,
    }
    console.print(document)
    console.print(f"written: {save(options.result, document)}")


if __name__ == "__main__":
    main()
