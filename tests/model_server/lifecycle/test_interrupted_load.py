"""SIGTERM while a release comes from storage that stalls: the process ends as at any other time, with nothing half done."""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from kit.admin_key import HEADERS, KEYS_FILE, LOAD
from kit.server_process import ModelServer, wait_for
from kit.stalling_store import StallingStore
from kit.v2_requests import INFER, json_request, read_rest


@pytest.fixture
def stalling(tiny_release: tuple[str, str]) -> Iterator[StallingStore]:
    store = StallingStore(Path(tiny_release[0]), "model.safetensors")
    yield store
    store.close()


def _temporary(tmp_path: Path) -> Path:
    folder = tmp_path / "tmp"
    folder.mkdir()
    return folder


def test_a_store_that_stalls_at_the_start(serving: Path, tmp_path: Path, stalling: StallingStore):
    """The variant's files come from the store, and the store stops in the middle of one."""
    temporary = _temporary(tmp_path)
    server = ModelServer(serving, tmp_path, VARIANT="torch", TMPDIR=str(temporary), **stalling.environment)
    try:
        wait_for(lambda: stalling.stalled.is_set() or server.process.poll() is not None, "the stall", 240)
        # The store has sent its half of the file; the server may not have written any of it yet.
        wait_for(lambda: bool(list(temporary.glob("release-*/*/torch/.model.safetensors.*"))), "a part of the file")
        assert server.stop() == 0, server.output
        assert not stalling.released.is_set()
    finally:
        server.process.kill()
    assert "stopping: the release was not loaded yet" in server.output and "stopped: 0 rows" in server.output
    assert "Traceback" not in server.output and "error" not in server.output
    assert not list(temporary.glob("release-*"))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_sigterm_while_it_imports(serving: Path, tmp_path: Path):
    """A container's first process ignores a signal that it does not handle, and imports take seconds."""
    server = ModelServer(serving, tmp_path)
    try:
        wait_for(lambda: _handles(server.process.pid, signal.SIGTERM), "a handler")
        assert server.stop() == 0, server.output
    finally:
        server.process.kill()
    assert "Traceback" not in server.output


def _handles(process: int, number: signal.Signals) -> bool:
    status = Path(f"/proc/{process}/status").read_text()
    (caught,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught, 16) >> (number - 1) & 1)


def test_a_mounted_folder_that_stalls_at_the_start(serving: Path, tmp_path: Path):
    """As a mount of a network that is away: nothing ends the read, no time-out either."""
    held = tmp_path / "held"
    held.mkdir()
    os.mkfifo(held / "manifest.json")
    server = ModelServer(held, tmp_path / "server")
    try:
        wait_for(lambda: _lives(server), "that it listens", 240)
        assert server.stop() == 0, server.output
    finally:
        server.process.kill()
    assert "stopping: the release was not loaded yet" in server.output and "Traceback" not in server.output


def _lives(server: ModelServer) -> bool:
    assert server.process.poll() is None, server.output
    try:
        return httpx.get(f"{server.url}/v2/health/live", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def test_a_store_that_stalls_at_a_hot_swap(serving: Path, tmp_path: Path, tiny_release: tuple[str, str]):
    """The load request is answered, rows are written, and the fetched files are deleted."""
    temporary = _temporary(tmp_path)
    (tmp_path / "keys.json").write_text(KEYS_FILE)
    store = StallingStore(Path(tiny_release[0]), "serving/tokenizer.json")
    environment = {"HOT_SWAP": "true", "API_KEYS_FILE": str(tmp_path / "keys.json"), "TMPDIR": str(temporary)}
    server = ModelServer(serving, tmp_path, **environment, **store.environment)
    try:
        server.wait_ready()
        with httpx.Client(base_url=server.url, headers=HEADERS, trust_env=False, timeout=240) as client:
            assert len(read_rest(client.post(INFER, json=json_request(["a film"])))) == 3
            body = {"parameters": {"release": tiny_release[1]}}
            answers: list[httpx.Response] = []
            loading = threading.Thread(target=lambda: answers.append(client.post(LOAD, json=body)), daemon=True)
            loading.start()
            wait_for(lambda: store.stalled.is_set() or bool(answers), "the stall", 240)
            assert not answers and list(temporary.glob("release-*"))
            assert server.stop() == 0, server.output
            loading.join(60)
    finally:
        server.process.kill()
        store.close()
    assert answers[0].status_code == 503 and "stopping" in answers[0].json()["error"]
    assert "stopped: 1 rows" in server.output and "Traceback" not in server.output
    assert not list(temporary.glob("release-*"))
