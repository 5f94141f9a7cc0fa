"""Programs of KServe's SDK in a separate process, for tests: a stock `kserve.ModelServer` on free ports."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx

from kit.server_process import free_port, wait_for

ROOT = Path(__file__).parents[2]


class StockServer:
    """A program that ends in `kserve.ModelServer().start(...)`, its output in `output`."""

    def __init__(self, program: list[str], output: Path, **environment: str) -> None:
        self.http_port, self.grpc_port, self._output = free_port(), free_port(), output
        self.url, self.grpc_target = f"http://127.0.0.1:{self.http_port}", f"127.0.0.1:{self.grpc_port}"
        ports = ["--http_port", str(self.http_port), "--grpc_port", str(self.grpc_port)]
        # Beside a program of this folder stand folders of our packages' names, which hold tests.
        packages = {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)}
        with output.open("wb") as stream:
            self.process = subprocess.Popen(
                [sys.executable, *program, *ports],
                env=os.environ | packages | environment,
                stdout=stream,
                stderr=stream,
            )

    @property
    def output(self) -> str:
        return self._output.read_text()

    def get(self, path: str) -> httpx.Response | None:
        """Return the answer to GET; None while nothing listens. Fails when the process has ended."""
        assert self.process.poll() is None, f"the server ended with {self.process.returncode}:\n{self.output}"
        try:
            return httpx.get(f"{self.url}{path}", trust_env=False, timeout=60)
        except httpx.ConnectError:
            return None

    def wait_answering(self) -> None:
        wait_for(lambda: self.get("/") is not None, "an answer to GET /", 240)

    def stop(self, timeout: float = 120) -> int:
        """Send SIGTERM; return the exit code."""
        self.process.terminate()
        return self.process.wait(timeout)


@contextlib.contextmanager
def stock_server(program: list[str], output: Path, **environment: str) -> Iterator[StockServer]:
    """Start a server and wait until it answers; kill it at the end if it still runs."""
    server = StockServer(program, output, **environment)
    try:
        server.wait_answering()
        yield server
    finally:
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait(20)
