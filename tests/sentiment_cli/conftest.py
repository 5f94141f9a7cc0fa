"""A real server on a tiny release, as `sentiment serve` starts it."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sentiment_cli.demo.processes import ServerProcess, free_ports


@dataclass
class Running:
    """The server and the environment that it and the commands share."""

    server: ServerProcess
    environment: dict[str, str]
    release_id: str
    url: str
    grpc: str

    def command(self, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
        return run_command(*arguments, environment=self.environment | more)


def run_command(
    *arguments: str, environment: dict[str, str], timeout: float = 900
) -> "subprocess.CompletedProcess[str]":
    settings = os.environ | {"COLUMNS": "140", "NO_COLOR": "1"} | environment
    command = [sys.executable, "-m", "sentiment_cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=settings, timeout=timeout, check=False)


def state_in(folder: Path, releases_uri: str) -> dict[str, str]:
    """An environment whose state lies in `folder`."""
    return {
        "RELEASES_URI": releases_uri,
        "DATABASE_URL": f"sqlite:///{folder}/predictions.db",
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db",
        "SPILL_DIR": f"{folder}/spill",
        "CACHE_DIR": f"{folder}/cache",
    }


@pytest.fixture
def alone(tmp_path: Path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Runs a command where there is nothing yet: no release, no log, nothing on the ports."""
    rest, grpc = free_ports(2)
    environment = state_in(tmp_path, str(tmp_path / "releases")) | {"HTTP_PORT": str(rest), "GRPC_PORT": str(grpc)}

    def run(*arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
        return run_command(*arguments, environment=environment | more)

    return run


@pytest.fixture(scope="session")
def running(tiny_release: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    uri, release_id = tiny_release
    folder = tmp_path_factory.mktemp("serving")
    http_port, grpc_port = free_ports(2)
    ports = {"HTTP_PORT": str(http_port), "GRPC_PORT": str(grpc_port)}
    environment = state_in(folder, uri) | ports
    server = ServerProcess(os.environ | environment, folder / "server.log", http_port, grpc_port)
    try:
        server.wait_ready()
        yield Running(server, environment, release_id, server.url, server.grpc_target)
        server.stop()
    finally:
        server.close()
