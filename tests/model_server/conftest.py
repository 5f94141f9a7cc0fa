"""A release on disk and one server of it, shared by the suites that only talk to it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from kit.fake_engine import FakeEngine
from kit.server_process import ModelServer, model_server
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub

ORIGIN = "https://page.example"
PLAIN_ORIGIN = "http://page.example"  # a browser shows it without a certificate
MAX_BODY_BYTES = 2_000_000


@pytest.fixture(scope="session")
def serving(tiny_release: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release's `serving/` folder, as KServe's storage initialiser leaves it."""
    from model_release import ReleaseStore

    uri, release_id = tiny_release
    return ReleaseStore(uri).fetch("sentiment", release_id, tmp_path_factory.mktemp("fetched")) / "serving"


@pytest.fixture(scope="session")
def whole_release(tiny_release: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release's root with `serving/` and `torch/`."""
    from model_release import ReleaseStore

    uri, release_id = tiny_release
    folder = tmp_path_factory.mktemp("whole")
    return ReleaseStore(uri).fetch("sentiment", release_id, folder, only=("serving/", "torch/"))


@pytest.fixture(scope="session")
def server(serving: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    work = tmp_path_factory.mktemp("server")
    with model_server(
        serving, work, CORS_ORIGINS=f"{ORIGIN},{PLAIN_ORIGIN}", MAX_BODY_BYTES=str(MAX_BODY_BYTES)
    ) as running:
        yield running


@pytest.fixture
def http(server: ModelServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, trust_env=False, timeout=60) as client:
        yield client


@pytest.fixture
def stub(server: ModelServer) -> Iterator[Any]:
    with grpc.insecure_channel(server.grpc_target) as channel:
        yield GRPCInferenceServiceStub(channel)


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()
