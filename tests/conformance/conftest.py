"""Our own servers for the kit: one as it is, one that is held while it loads, one with a short queue."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from kit.server_process import ModelServer, model_server, wait_for

MAX_BODY_BYTES = 2_000_000


@pytest.fixture(scope="session")
def serving(tiny_release: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release's `serving/` folder."""
    from model_release import ReleaseStore

    uri, release_id = tiny_release
    return ReleaseStore(uri).fetch("sentiment", release_id, tmp_path_factory.mktemp("fetched")) / "serving"


@pytest.fixture(scope="session")
def server(serving: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    with model_server(serving, tmp_path_factory.mktemp("server"), MAX_BODY_BYTES=str(MAX_BODY_BYTES)) as running:
        yield running


@pytest.fixture(scope="session")
def overloadable(serving: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    with model_server(serving, tmp_path_factory.mktemp("overloadable"), MAX_QUEUE_TEXTS="1") as running:
        yield running


@pytest.fixture(scope="session")
def loading(serving: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    """A server that waits for the writer of a pipe in place of its manifest."""
    work = tmp_path_factory.mktemp("loading")
    held = Path(shutil.copytree(serving, work / "held"))
    (held / "manifest.json").unlink()
    os.mkfifo(held / "manifest.json")
    waiting = ModelServer(held, work / "server")
    try:
        wait_for(lambda: _listens(waiting), "that it listens", 60)
        yield waiting
    finally:
        waiting.process.kill()
        waiting.process.wait(20)


def _listens(server: ModelServer) -> bool:
    import httpx

    try:
        return httpx.get(f"{server.url}/v2/health/live", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False
