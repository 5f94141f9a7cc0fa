"""Fixtures: an S3 server for the tests of stores: `minio` where the machine has it, else moto's server in this process."""

import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(url: str) -> None:
    for _ in range(100):
        try:
            urllib.request.urlopen(url, timeout=1)
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"no S3 server at {url}")


@pytest.fixture(scope="session")
def s3_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = _free_port()
    endpoint = f"http://127.0.0.1:{port}"
    if minio := shutil.which("minio"):
        folder: Path = tmp_path_factory.mktemp("minio")
        environment = {"MINIO_ROOT_USER": "testing-key", "MINIO_ROOT_PASSWORD": "testing-secret", "HOME": str(folder)}
        command = [minio, "server", "--quiet", "--address", f"127.0.0.1:{port}", str(folder)]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _wait_for(endpoint)
        yield endpoint
        process.terminate()
        process.wait(10)
    else:
        from moto.server import ThreadedMotoServer

        server = ThreadedMotoServer("127.0.0.1", port)
        server.start()
        yield endpoint
        server.stop()


@pytest.fixture
def s3_uri(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """Yield the URI of an empty bucket; the environment holds what the store needs to reach it."""
    import fsspec

    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing-secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    bucket = f"b{abs(hash(request.node.nodeid)) % 10**10}"
    fsspec.filesystem("s3", skip_instance_cache=True).mkdir(f"/{bucket}")
    return f"s3://{bucket}/models"


@pytest.fixture(params=["folder", "s3"])
def store_uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Run the same tests against a local folder and an S3 server."""
    if request.param == "folder":
        return str(tmp_path / "releases")
    return str(request.getfixturevalue("s3_uri"))
