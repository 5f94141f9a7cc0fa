"""A model server in a separate process, for tests."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx


def free_port() -> int:
    """Return a TCP port of the loopback on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(happened: Callable[[], bool], what: str, timeout: float = 120) -> None:
    """Wait until a condition holds; fail after `timeout` seconds."""
    end = time.monotonic() + timeout
    while not happened():
        assert time.monotonic() < end, f"{what} did not happen in {timeout} s"
        time.sleep(0.02)


class ModelServer:
    """`python -m model_server` on free ports of the loopback, its output in `<work>/server.log`."""

    def __init__(self, model_dir: Path, work: Path, *flags: str, **environment: str) -> None:
        work.mkdir(parents=True, exist_ok=True)
        self.http_port, self.grpc_port = free_port(), free_port()
        self.url, self.grpc_target = f"http://127.0.0.1:{self.http_port}", f"127.0.0.1:{self.grpc_port}"
        self.database_url = f"sqlite:///{work}/log.db"
        self.spill = work / "spill"
        self._output = work / "server.log"
        options = {"--model_dir": model_dir, "--http_port": self.http_port, "--grpc_port": self.grpc_port}
        arguments = [str(part) for pair in options.items() for part in pair]
        settings = {"DATABASE_URL": self.database_url, "SPILL_DIR": str(self.spill), "HOST": "127.0.0.1"}
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "model_server", *arguments, *flags],
                env=os.environ | settings | environment,
                stdout=output,
                stderr=output,
            )

    @property
    def output(self) -> str:
        return self._output.read_text()

    def ready(self) -> bool:
        """Report whether the server is ready; fail when it has ended."""
        assert self.process.poll() is None, f"the server ended with {self.process.returncode}:\n{self.output}"
        try:
            return httpx.get(f"{self.url}/v2/health/ready", trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    def wait_ready(self) -> None:
        wait_for(self.ready, "readiness", 240)

    def stop(self, timeout: float = 120) -> int:
        """Send SIGTERM; return the exit code."""
        self.process.terminate()
        return self.process.wait(timeout)


@contextlib.contextmanager
def model_server(model_dir: Path, work: Path, *flags: str, **environment: str) -> Iterator[ModelServer]:
    """Start a server and wait until it is ready; kill it at the end if it still runs."""
    server = ModelServer(model_dir, work, *flags, **environment)
    try:
        server.wait_ready()
        yield server
    finally:
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait(20)


def run_to_end(model_dir: Path, work: Path, *flags: str, **environment: str) -> tuple[int, str]:
    """Return exit code and output of a server that ends without a signal."""
    server = ModelServer(model_dir, work, *flags, **environment)
    try:
        return server.process.wait(240), server.output
    finally:
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait(20)
