"""gRPC's standard services and the repository's index while a server runs, drains and stops."""

import threading
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub
from kit.server_process import ModelServer, model_server, wait_for
from kit.v2_requests import INFER, json_request

from model_server.rpc.messages import pb
from model_server.rpc.servicer import model_name_in

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


class Watcher(threading.Thread):
    """Follows a server's health until the server ends the call."""

    def __init__(self, stub: Any) -> None:
        super().__init__(daemon=True)
        self._stub = stub
        self.seen: list[int] = []
        self.ended = ""

    def run(self) -> None:
        try:
            for answer in self._stub.Watch(health_pb2.HealthCheckRequest(), timeout=100):
                self.seen.append(answer.status)
            self.ended = "OK"
        except grpc.RpcError as error:
            self.ended = error.code().name


def index(server: ModelServer, body: bytes = b"") -> list[dict[str, str]]:
    response = httpx.post(f"{server.url}/v2/repository/index", content=body, trust_env=False)
    assert response.status_code == 200, response.text
    return response.json()


def index_rpc(channel: grpc.Channel, **fields: Any) -> Any:
    call = channel.unary_unary(
        "/inference.GRPCInferenceService/RepositoryIndex",
        pb.RepositoryIndexRequest.SerializeToString,
        pb.RepositoryIndexResponse.FromString,
    )
    return call(pb.RepositoryIndexRequest(**fields), timeout=20)


def test_health_follows_the_server_and_a_watcher_does_not_hold_it(serving: Path, tmp_path: Path):
    """After SIGTERM the server keeps serving for a while, with readiness off; a watching call ends with its ports."""
    with model_server(serving, tmp_path, SHUTDOWN_DELAY_SECONDS="2", DRAIN_SECONDS="60") as server:
        with grpc.insecure_channel(server.grpc_target) as channel:
            stub = HealthStub(channel)
            watcher = Watcher(stub)
            watcher.start()
            wait_for(lambda: watcher.seen == [SERVING], "the first status")
            assert index(server)[0]["state"] == "READY"
            server.process.terminate()
            wait_for(lambda: watcher.seen == [SERVING, NOT_SERVING], "the second status")
            assert stub.Check(health_pb2.HealthCheckRequest()).status == NOT_SERVING
            (entry,) = index(server)
            assert (entry["state"], entry["reason"]) == ("UNLOADING", "the server is stopping")
            assert index(server, b'{"ready": true}') == [] == list(index_rpc(channel, ready=True).models)
            answer = httpx.post(f"{server.url}{INFER}", json=json_request(["a film"]), trust_env=False)
            assert answer.status_code == 200
            assert server.process.wait(50) == 0  # less than DRAIN_SECONDS: the watcher was not waited for
            watcher.join(20)
        assert watcher.ended in ("OK", "UNAVAILABLE") and "Traceback" not in server.output


def test_the_index_is_the_same_on_both_transports(server: ModelServer, tiny_release: tuple[str, str]):
    entry = {"name": "sentiment", "version": tiny_release[1], "state": "READY", "reason": ""}
    assert index(server) == index(server, b"{}") == index(server, b'{"ready": true}') == [entry]
    with grpc.insecure_channel(server.grpc_target) as channel:
        (model,) = index_rpc(channel).models
        assert {name: getattr(model, name) for name in entry} == entry
        with pytest.raises(grpc.RpcError) as refused:
            index_rpc(channel, repository_name="other")
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "repository_name is 'other'" in refused.value.details()


@pytest.mark.parametrize("number", [1, 2])
def test_a_models_name_is_read_where_kserve_and_where_triton_put_it(number: int):
    raw = bytes([number << 3 | 2, 5]) + b"model"
    for name in ("RepositoryModelLoadRequest", "RepositoryModelUnloadRequest"):
        assert model_name_in(getattr(pb, name).FromString(raw)) == "model"


@pytest.mark.parametrize(
    ("body", "message"), [(b'{"ready": 1}', "ready"), (b'{"redy": true}', "redy"), (b"[]", "object"), (b"{", "JSON")]
)
def test_a_bad_body_of_the_index(http: httpx.Client, body: bytes, message: str):
    response = http.post("/v2/repository/index", content=body)
    assert response.status_code == 400 and message in response.json()["error"]


def test_large_answers_are_compressed_for_who_asks(http: httpx.Client):
    texts = [f"film {number}" for number in range(250)]
    plain = http.post(INFER, json=json_request(texts), headers={"Accept-Encoding": "identity"})
    packed = http.post(INFER, json=json_request(texts), headers={"Accept-Encoding": "gzip"})
    small = http.post(INFER, json=json_request(texts[:1]), headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip" and "Accept-Encoding" in packed.headers["vary"]
    assert int(packed.headers["content-length"]) < len(plain.content) / 2
    assert packed.json()["outputs"][0] == plain.json()["outputs"][0]
    assert "content-encoding" not in plain.headers and "content-encoding" not in small.headers
