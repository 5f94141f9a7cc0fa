"""A real tracking server: used by two at once, behind a proxy, under a prefix with a login."""

import base64
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from kit.http_proxy import PREFIX, Proxy, proxy_to

from sentiment_cli.checks.check import State
from sentiment_cli.checks.services import check_mlflow
from training_job.tracking import registry
from training_job.tracking import run as tracking
from training_job.tracking.registry import RegistryError, connect, register
from training_job.tracking.run import Tracker

ID_A, ID_B = "a" * 16, "b" * 16
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a tracking server over a separate database."""
    folder = tmp_path_factory.mktemp("server")
    port = _free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    process = subprocess.Popen(
        [*command, "--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(folder)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        for _ in range(1200):
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health") as answer:
                if answer.status == 200:
                    break
            assert process.poll() is None, "the tracking server ended"
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


@pytest.fixture
def proxy(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    for name in _PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    with proxy_to(server) as running:
        yield running


def test_a_server_takes_releases_in_s3_and_in_local_folders(server: str, tmp_path: Path) -> None:
    register(server, "served", f"s3://bucket/{ID_A}", ID_A, None)
    version = register(server, "served", str(tmp_path / ID_B), ID_B, None)
    client = connect(server)
    found = client.get_model_version_by_alias("served", "challenger")
    assert (str(found.version), found.tags["release_id"]) == (version, ID_B)
    assert found.source == f"release-{(tmp_path / ID_B).as_uri()}"
    assert register(server, "served", str(tmp_path / ID_B), ID_B, None) == version


class _LooksTogether:
    """A client whose looks for what may be there wait for the other trainings' looks."""

    def __init__(self, client: Any, barrier: threading.Barrier) -> None:
        self._client, self._barrier, self._looked = client, barrier, set[str]()

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._client, name)
        if (
            name not in ("get_experiment_by_name", "get_registered_model", "search_model_versions")
            or name in self._looked
        ):
            return real
        self._looked.add(name)

        def look(*arguments: Any, **options: Any) -> Any:
            try:
                return real(*arguments, **options)
            finally:
                self._barrier.wait(60)

        return look


def test_trainings_that_use_a_new_server_at_once_share_what_is_made(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    barrier = threading.Barrier(3)

    def together(uri: str) -> Any:
        return _LooksTogether(connect(uri), barrier)

    def work(_: int) -> tuple[str, str]:
        tracker = Tracker(server, "together")
        return tracker.experiment_id, register(server, "together", f"s3://bucket/{ID_A}", ID_A, None)

    monkeypatch.setattr(tracking, "connect", together)
    monkeypatch.setattr(registry, "connect", together)
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(work, range(3)))
    assert len(set(found)) == 1
    client = connect(server)
    (version,) = client.search_model_versions("name='together'")
    alias = client.get_model_version_by_alias("together", "challenger")
    assert str(alias.version) == str(version.version) == found[0][1]


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_server_that_only_the_proxy_knows(variable: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, proxy.url.removeprefix("http://") if variable == "ALL_PROXY" else proxy.url)
    uri = "http://mlflow.behind.invalid:5000"
    tracker = Tracker(uri, "proxied")
    with tracker.run("first") as run:
        run.metrics({"loss": 1.0})
    assert tracker.client.get_run(run.run_id).info.status == "FINISHED"
    assert register(uri, "proxied", f"s3://bucket/{ID_A}", ID_A, run.run_id) == "1"
    assert set(proxy.hosts) == {"mlflow.behind.invalid"}


def test_no_proxy_and_a_proxy_that_is_away(server: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://user:s3cret@127.0.0.1:{_free_port()}")
    with pytest.raises(RegistryError, match=r"through the proxy http://…@127.* or set NO_PROXY where MLflow") as caught:
        Tracker(server, "direct")
    assert "s3cret" not in str(caught.value)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert Tracker(server, "direct").experiment_id


@pytest.mark.parametrize("login", ["basic", "token", "in the address"])
def test_a_server_under_a_prefix_with_a_login(login: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("USERNAME", "PASSWORD", "TOKEN"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)
    basic = "Basic " + base64.b64encode(b"ana:s3cret").decode()
    proxy.login = "Bearer t0ken" if login == "token" else basic
    uri = proxy.url + PREFIX
    with pytest.raises(RegistryError, match=r"401.* MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD or"):
        Tracker(uri, "with a login")
    refused = check_mlflow(uri)
    assert refused.found.endswith("/health answered 401") and "MLFLOW_TRACKING_TOKEN" in refused.remedy
    if login == "token":
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t0ken")
    elif login == "basic":
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ana")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "s3cret")
    else:
        uri = uri.replace("://", "://ana:s3cret@")
    assert Tracker(uri, "with a login").experiment_id
    taken = check_mlflow(uri)
    assert (taken.state, "s3cret" in taken.found) == (State.OK, False), taken.found
    assert int(register(uri, "prefixed", f"s3://bucket/{ID_B}", ID_B, None)) == 1
