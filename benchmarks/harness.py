"""Common parts of the benchmarks: the machine's description, a server process, result files and their tables."""

import csv
import gzip
import io
import json
import os
import platform
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import psutil

RESULTS = Path(__file__).parent / "results"


def machine() -> dict[str, Any]:
    """Conditions that a figure depends on: processor, cores, memory, Python, requested thread counts."""
    model = platform.processor()
    features: list[str] = []
    if (cpuinfo := Path("/proc/cpuinfo")).exists():
        fields = dict(line.split(":", 1) for line in cpuinfo.read_text().splitlines() if ":" in line)
        named = {key.strip(): value.strip() for key, value in fields.items()}
        model = named.get("model name", model)
        flags = named.get("flags", "").split()
        features = [name for name in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8") if name in flags]
    return {
        "cpu": model,
        "cpu_features": features,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "load_before": [round(value, 2) for value in os.getloadavg()],
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def save(name: str, document: dict[str, Any]) -> Path:
    """Write `results/<name>.json`."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    return path


def markdown(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [headers, ["---"] * len(headers), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"


def read_texts(path: Path, limit: int | None = None) -> list[str]:
    """The `text` column of a CSV, gzipped or not."""
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    rows = csv.DictReader(io.StringIO(raw.decode(), newline=""))
    return [row["text"] for row in rows][:limit]


def free_port() -> int:
    """Return a TCP port of the loopback on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ServerProcess:
    """`python -m model_server` on free ports; `ready_seconds` counts from the start of the process."""

    def __init__(self, model_dir: Path, database_url: str, work: Path, **environment: str) -> None:
        self.http_port, self.grpc_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.http_port}"
        self.grpc_target = f"127.0.0.1:{self.grpc_port}"
        work.mkdir(parents=True, exist_ok=True)
        self.log = work / "server.log"
        ports = ["--http_port", str(self.http_port), "--grpc_port", str(self.grpc_port)]
        command = [sys.executable, "-m", "model_server", "--model_dir", str(model_dir), *ports]
        settings = os.environ | {"DATABASE_URL": database_url, "SPILL_DIR": str(work / "spill")} | environment
        started = time.perf_counter()
        with self.log.open("wb") as stream:
            self.process = subprocess.Popen(command, env=settings, stdout=stream, stderr=stream)
        self._wait_ready()
        self.ready_seconds = time.perf_counter() - started

    def _wait_ready(self, timeout: float = 120) -> None:
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with {self.process.returncode}:\n{self.log.read_text()[-3000:]}")
            try:
                with urllib.request.urlopen(f"{self.url}/v2/health/ready", timeout=1) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                pass
            time.sleep(0.02)
        raise RuntimeError(f"the server is not ready after {timeout} s; see {self.log}")

    def resident_mib(self) -> float:
        """Resident memory of the process in MiB."""
        return psutil.Process(self.process.pid).memory_info().rss / 2**20

    def stop(self, timeout: float = 60) -> int:
        """Send SIGTERM and wait; return the exit code."""
        self.process.terminate()
        return self.process.wait(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
