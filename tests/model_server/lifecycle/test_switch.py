"""Hot swap by V2's repository API: another release answers, what is in flight ends on the former, failures change nothing."""

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from kit.admin_key import HEADERS, KEY, KEYS_FILE, LOAD, METADATA, UNLOAD
from kit.factories import make_release
from kit.http_wire import ask
from kit.server_process import ModelServer, model_server, wait_for
from kit.v2_requests import INFER, grpc_request, json_request, read_rest
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub

from model_release import ReleaseStore, Scorer

TEXTS = ["a wonderful film", "dull and tedious"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, str]:
    """A store and the ids of two releases in it."""
    uri = str(tmp_path_factory.mktemp("two"))
    first, second = make_release(uri, seed=1), make_release(uri, seed=2)
    assert first != second
    return uri, first, second


@contextmanager
def switchable(
    store: tuple[str, str, str], work: Path, **environment: str
) -> Iterator[tuple[ModelServer, httpx.Client]]:
    """A server of the first release that may be switched, and an admin's client of it."""
    uri, first, _ = store
    work.mkdir(parents=True, exist_ok=True)
    (work / "tmp").mkdir()
    serving = ReleaseStore(uri).fetch("sentiment", first, work / "fetched") / "serving"
    (work / "keys.json").write_text(KEYS_FILE)
    settings = {
        "HOT_SWAP": "true",
        "RELEASES_URI": uri,
        "API_KEYS_FILE": str(work / "keys.json"),
        "TMPDIR": str(work / "tmp"),
    }
    with (
        model_server(serving, work, **(settings | environment)) as server,
        httpx.Client(base_url=server.url, headers=HEADERS, trust_env=False, timeout=120) as client,
    ):
        yield server, client


@pytest.fixture(scope="module")
def running(store: tuple[str, str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with switchable(store, tmp_path_factory.mktemp("switch")) as running:
        yield running


def release_of(client: httpx.Client) -> str:
    return str(client.post(INFER, json=json_request(TEXTS)).json()["model_version"])


def load(client: httpx.Client, release: str | None = None) -> httpx.Response:
    return client.post(LOAD, json={"parameters": {"release": release}} if release else None)


class Load(threading.Thread):
    """A client that sends requests until stopped; records failures and the releases that answered."""

    def __init__(self, server: ModelServer) -> None:
        super().__init__(daemon=True)
        self._server, self.stop = server, threading.Event()
        self.versions: list[str] = []
        self.broken: list[str] = []

    def run(self) -> None:
        with httpx.Client(base_url=self._server.url, headers=HEADERS, trust_env=False, timeout=60) as client:
            while not self.stop.is_set():
                answer = client.post(INFER, json=json_request(TEXTS))
                if answer.status_code == 200:
                    self.versions.append(answer.json()["model_version"])
                else:
                    self.broken.append(answer.text)


def test_a_load_that_offers_an_upgrade_loads_the_release_it_names(running, store):
    """Its body was dropped once, and a load without a body takes the model's folder."""
    server, client = running
    _, first, second = store
    for release in (second, first, second):
        body = json.dumps({"parameters": {"release": release}}).encode()
        offer = f"X-API-Key: {KEY} \t\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
        head = f"POST {LOAD} HTTP/1.1\r\nHost: a\r\n{offer}Content-Length: {len(body)}\r\n\r\n"
        answer = ask(server.http_port, head.encode() + body)
        assert (answer.status, json.loads(answer.body)["version"]) == (200, release)
        assert release_of(client) == release


def test_a_swap_under_load_fails_no_request_and_changes_the_answers(running, store):
    server, client = running
    _, first, second = store
    assert load(client, first).status_code == 200
    clients = [Load(server) for _ in range(3)]
    for one in clients:
        one.start()
    wait_for(lambda: all(one.versions for one in clients), "answers")
    answer = load(client, second[:8])
    assert answer.status_code == 200
    assert answer.json() == {"name": "sentiment", "load": True, "version": second}
    wait_for(lambda: all(one.versions[-1] == second for one in clients), "answers of the other release")
    for one in clients:
        one.stop.set()
        one.join(30)
    assert [one.broken for one in clients] == [[]] * 3
    for one in clients:  # once, and never back
        assert one.versions == sorted(one.versions, key=[first, second].index)
    expected = Scorer.load(ReleaseStore(store[0]).fetch("sentiment", second, server.spill / "expected"), threads=1)
    answers = read_rest(client.post(INFER, json=json_request(TEXTS)))["probabilities"][:, 1]
    assert answers.tolist() == pytest.approx(expected.score(TEXTS).probability.tolist(), abs=1e-4)


def test_the_surroundings_tell_the_release_that_answers(running, store):
    server, client = running
    for release in store[1:]:
        assert load(client, release).status_code == 200
        assert client.get("/health").json()["release_id"] == release
        assert client.get("/v2/models/sentiment").json()["versions"] == [release]
        shown = client.get("/metrics").text
        assert f'ml_release_info{{release="{release}",variant="openvino-fp32"}} 1.0' in shown
        assert shown.count("ml_release_info{") == 1
        other = next(one for one in store[1:] if one != release)
        assert client.post(f"/v2/models/sentiment/versions/{other}/infer", json=json_request(TEXTS)).status_code == 404
    folders = Path(str(server._output)).parent / "tmp"
    wait_for(lambda: len(list(folders.glob("release-*"))) == 1, "the former release's files to go")


def test_grpc_loads_and_unloads_too(running, store):
    server, client = running
    with grpc.insecure_channel(server.grpc_target) as channel:
        stub = GRPCInferenceServiceStub(channel)
        request = pb.RepositoryModelLoadRequest(model_name="sentiment")
        response = stub.RepositoryModelLoad(request, metadata=[*METADATA, ("release", store[2])])
        assert response.isLoaded and release_of(client) == store[2]
        unload = pb.RepositoryModelUnloadRequest(model_name="sentiment")
        assert stub.RepositoryModelUnload(unload, metadata=METADATA).isUnloaded
        assert not stub.ServerReady(pb.ServerReadyRequest()).ready
        with pytest.raises(grpc.RpcError) as refused:
            stub.ModelInfer(grpc_request(TEXTS), metadata=METADATA)
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE and "unloaded" in refused.value.details()
        assert stub.RepositoryModelLoad(request, metadata=METADATA).isLoaded
        assert release_of(client) == store[1]  # MODEL_DIR's
        with pytest.raises(grpc.RpcError) as unknown:
            stub.RepositoryModelLoad(request, metadata=[*METADATA, ("release", "0000")])
        assert unknown.value.code() is grpc.StatusCode.NOT_FOUND


def test_unloaded_it_lives_is_not_ready_and_comes_back(running, store):
    _, client = running
    assert load(client, store[2]).status_code == 200
    assert client.post(UNLOAD).json() == {"name": "sentiment", "unload": True}
    assert client.get("/v2/health/live").status_code == 200
    for path in ("/v2/health/ready", "/v2/models/sentiment/ready", "/v1/models/sentiment", "/health"):
        assert client.get(path).status_code == 503
    for answer in (client.post(INFER, json=json_request(TEXTS)), client.post("/predict", json={"text": "a"})):
        assert answer.status_code == 503 and "unloaded" in answer.json()["error"] and "retry-after" in answer.headers
    assert client.get("/v2/models/sentiment").json()["versions"] == []
    (entry,) = client.post("/v2/repository/index").json()
    assert (entry["state"], entry["version"]) == ("UNAVAILABLE", "") and "unloaded" in entry["reason"]
    assert client.post(UNLOAD).status_code == 200  # again: nothing to do
    assert load(client).status_code == 200
    assert release_of(client) == store[1] and client.get("/v2/health/ready").status_code == 200


def test_a_broken_or_missing_release_changes_nothing(running, store, tmp_path):
    server, client = running
    uri = store[0]
    broken = make_release(uri, seed=3)
    weights = Path(uri) / "sentiment" / "releases" / broken / "serving" / "openvino-fp32" / "model.bin"
    raw = bytearray(weights.read_bytes())
    raw[len(raw) // 2] ^= 1
    weights.write_bytes(raw)
    assert load(client, store[1]).status_code == 200
    failed = load(client, broken)
    assert failed.status_code == 409
    assert "model.bin" in failed.json()["error"] and "former release still answers" in failed.json()["error"]
    missing = load(client, "ffff")
    assert missing.status_code == 404 and "ffff" in missing.json()["error"]
    assert release_of(client) == store[1] and client.get("/v2/health/ready").status_code == 200
    assert 'ml_release_loads_total{outcome="failed"}' in client.get("/metrics").text
    assert "Traceback" not in server.output


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"release": "a"}, "release is unknown"),
        ({"parameters": {"config": "{}"}}, "parameters.config is unknown"),
        ({"parameters": {"release": 7}}, "parameters.release is 7"),
        ({"parameters": {"release": ""}}, "parameters.release is ''"),
        ({"parameters": {"release": "../../etc"}}, "parameters.release is '../../etc'; send a release's id"),
        ({"parameters": {"release": "0" * 17}}, "parameters.release"),
        ({"parameters": ["release"]}, "parameters is an array"),
        ([], "send an object"),
    ],
)
def test_bad_loads_are_named(running, body, message):
    _, client = running
    answer = client.post(LOAD, json=body)
    assert answer.status_code == 400 and message in answer.json()["error"]
    other = client.post(LOAD.replace("sentiment", "other"))
    assert other.status_code == 404 and "'sentiment'" in other.json()["error"]


def test_requests_in_flight_end_on_the_former_release(store, tmp_path):
    limits = {"MAX_BATCH_TOKENS": "8", "MAX_QUEUE_TEXTS": "20000", "MAX_TEXTS": "20000"}
    with switchable(store, tmp_path, **limits) as (server, client):
        answers: list[httpx.Response] = []

        def ask() -> None:
            body = json_request(["the plot " * 40] * 8000)
            answers.append(httpx.post(f"{server.url}{INFER}", json=body, headers=HEADERS, trust_env=False, timeout=240))

        asking = threading.Thread(target=ask)
        asking.start()
        wait_for(lambda: client.get("/health").json()["queue"] > 1000, "texts that wait")
        assert load(client, store[2]).status_code == 200
        assert asking.is_alive() and release_of(client) == store[2]
        asking.join(240)
        (answer,) = answers
        assert answer.status_code == 200 and answer.json()["model_version"] == store[1]
        assert answer.json()["outputs"][0]["shape"] == [8000]
        assert server.stop() == 0 and "Traceback" not in server.output


def test_a_server_stopped_while_it_loads_ends_cleanly(store, tmp_path):
    with switchable(store, tmp_path) as (server, client):
        loading = threading.Thread(target=lambda: load(client, store[2]))
        loading.start()
        wait_for(lambda: list((tmp_path / "tmp").glob("release-*")) != [], "a load in progress")
        assert server.stop() == 0
        loading.join(60)
        assert "Traceback" not in server.output and "0 lost" in server.output


def test_without_the_setting_it_is_not_offered(server: ModelServer, http, stub):
    for path in (LOAD, UNLOAD):
        answer = http.post(path)
        assert answer.status_code == 501 and "HOT_SWAP" in answer.json()["error"]
    with pytest.raises(grpc.RpcError) as refused:
        stub.RepositoryModelLoad(pb.RepositoryModelLoadRequest(model_name="sentiment"))
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert http.get("/v2/health/ready").status_code == 200


def test_without_a_store_only_the_models_folder_is_loaded(store, tmp_path):
    with switchable(store, tmp_path, RELEASES_URI="") as (_, client):
        named = load(client, store[2])
        assert named.status_code == 501 and "RELEASES_URI" in named.json()["error"]
        folder = tmp_path / "fetched" / store[1] / "serving"
        other = ReleaseStore(store[0]).fetch("sentiment", store[2], tmp_path / "other") / "serving"
        shutil.rmtree(folder)
        assert load(client).status_code == 409 and release_of(client) == store[1]
        shutil.copytree(other, folder)
        assert load(client).json()["version"] == store[2] == release_of(client)
