"""API keys: the file, its reloading, and both edges of a real server, probes open and limits kept."""

import hashlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from kit.server_process import ModelServer, model_server, wait_for
from kit.v2_requests import INFER, grpc_request, json_request, read_rest
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub

from model_server.access.keys import KeyFile
from model_server.errors import Overloaded, StartError, Unauthenticated

SECRET, SLOW, ADMIN = "correct horse", "slow battery", "staple admin"
ORIGIN = "https://page.example"


def entry(name: str, secret: str, **other: Any) -> dict[str, Any]:
    return {"name": name, "sha256": hashlib.sha256(secret.encode()).hexdigest(), **other}


def write(path: Path, *entries: dict[str, Any]) -> None:
    """As a mounted secret changes: another file takes the name's place."""
    part = path.with_suffix(".new")
    part.write_text(json.dumps({"keys": entries}))
    part.replace(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write(tmp_path / "keys.json", entry("page", SECRET), entry("slow", SLOW, texts_per_second=2.0, burst=3))
    return tmp_path / "keys.json"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_key_is_found_by_its_secret_alone(path):
    keys = KeyFile(path)
    assert keys.find(SECRET).entry.name == "page" and keys.find(SLOW).entry.name == "slow"
    for wrong in (None, "", SECRET[:-1], SECRET + " ", entry("page", SECRET)["sha256"], "\xff\u20ac"):
        with pytest.raises(Unauthenticated):
            keys.find(wrong)


def test_every_key_is_compared_whichever_matches(path, monkeypatch):
    compared: list[str] = []

    def compare(left: str, right: str) -> bool:
        compared.append(left)
        return left == right

    monkeypatch.setattr("model_server.access.keys.hmac.compare_digest", compare)
    keys = KeyFile(path)
    keys.find(SECRET)
    with pytest.raises(Unauthenticated):
        keys.find("nothing")
    assert len(compared) == 4


def test_a_changed_file_is_loaded_and_a_broken_or_absent_one_leaves_the_keys(path, caplog):
    clock = Clock()
    keys = KeyFile(path, clock)
    write(path, entry("other", "new secret"))
    assert keys.find(SECRET)  # looked at once a second at most
    clock.now += 1.1
    assert keys.find("new secret").entry.name == "other"
    with pytest.raises(Unauthenticated):
        keys.find(SECRET)
    for broken in ("{", '{"keys": [{"name": "x", "sha256": "short"}]}'):
        path.write_text(broken)
        clock.now += 1.1
        assert keys.find("new secret") and "stay" in caplog.text
        assert "short" not in caplog.text  # nothing of the file in the log
    path.unlink()
    clock.now += 1.1
    assert keys.find("new secret")
    write(path)
    clock.now += 1.1
    with pytest.raises(Unauthenticated):
        keys.find("new secret")


def test_a_key_that_stays_keeps_what_it_has_used(path):
    clock = Clock()
    keys = KeyFile(path, clock)
    keys.find(SLOW).charge(10_000, clock.now)
    write(path, entry("slow", SLOW, texts_per_second=2.0, burst=3), entry("more", "more"))
    clock.now += 1.1
    assert keys.find("more")
    with pytest.raises(Overloaded) as refused:
        keys.find(SLOW).check(clock.now)
    assert refused.value.retry_after == 3600  # and no longer, whatever the debt


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("[]", "file"),
        ('{"keys": [{"name": "a b", "sha256": "%s"}]}', "keys.0.name"),
        ('{"keys": [{"name": "a", "sha256": "ABC"}]}', "keys.0.sha256"),
        ('{"keys": [{"name": "a", "sha256": "%s", "burst": 3}]}', "burst needs texts_per_second"),
        ('{"keys": [{"name": "a", "sha256": "%s", "texts_per_second": 0}]}', "texts_per_second"),
        ('{"keys": [{"name": "a", "sha256": "%s", "key": "plain"}]}', "keys.0.key"),
        ('{"keys": [{"name": "a", "sha256": "%s"}, {"name": "b", "sha256": "%s"}]}', "same sha256"),
        ('{"keys": [{"name": "a", "sha256": "%s"}, {"name": "a", "sha256": "b%s"}]}', "same name"),
    ],
)
def test_an_invalid_key_file_refuses_the_start(tmp_path, document, message):
    path = tmp_path / "keys.json"
    path.write_text(document.replace("b%s", "b" * 64).replace("%s", "a" * 64))
    with pytest.raises(StartError, match=message) as refused:
        KeyFile(path)
    assert "API_KEYS_FILE" in str(refused.value)
    with pytest.raises(StartError, match="No such file"):
        KeyFile(tmp_path / "nowhere.json")


@pytest.fixture(scope="module")
def keys_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "keys.json"
    limits = {"texts_per_second": 0.01, "burst": 3}
    write(path, entry("page", SECRET), entry("slow", SLOW, **limits), entry("slow-rpc", SLOW + "2", **limits))
    return path


@pytest.fixture(scope="module")
def guarded(serving: Path, keys_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    environment = {"API_KEYS_FILE": str(keys_file), "CORS_ORIGINS": ORIGIN, "ACCESS_LOG": "true"}
    with model_server(serving, tmp_path_factory.mktemp("guarded"), **environment) as server:
        yield server


@pytest.fixture
def client(guarded: ModelServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=guarded.url, trust_env=False, timeout=60) as client:
        yield client


@pytest.fixture
def rpc(guarded: ModelServer) -> Iterator[Any]:
    with grpc.insecure_channel(guarded.grpc_target) as channel:
        yield GRPCInferenceServiceStub(channel)


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def refused_rpc(call: Any, request: Any, secret: str | None = None) -> grpc.RpcError:
    metadata = [("authorization", f"Bearer {secret}")] if secret else []
    with pytest.raises(grpc.RpcError) as refused:
        call(request, metadata=metadata)
    return refused.value


def test_a_page_without_a_key_gets_its_preflight_and_can_read_why_it_is_refused(client):
    asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key"}
    assert client.options("/predict", headers=asked).status_code == 200
    refused = client.post("/predict", json={"text": "a"}, headers={"Origin": ORIGIN})
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
    assert "WWW-Authenticate" in refused.headers["access-control-expose-headers"]


def test_a_path_with_a_slash_at_its_end_needs_the_same_key(client):
    assert client.get("/health/").status_code == 200
    assert client.post("/predict/", json={"text": "a"}).status_code == 401
    assert client.post("/v2/repository/models/sentiment/load/", headers=bearer(SECRET)).status_code == 403


def test_probes_and_metrics_stay_open(client, rpc):
    for path in ("/", "/metrics", "/health", "/v2/health/live", "/v2/health/ready", "/v2/models/sentiment/ready"):
        assert client.get(path).status_code == 200
    assert client.get("/v1/models/sentiment").status_code == 200
    assert rpc.ServerLive(pb.ServerLiveRequest()).live and rpc.ServerReady(pb.ServerReadyRequest()).ready
    assert rpc.ModelReady(pb.ModelReadyRequest(name="sentiment")).ready


@pytest.mark.parametrize(
    "path",
    [
        *(INFER, "/predict", "/feedback", "/v1/models/sentiment:predict", "/v1/models/sentiment:explain"),
        *("/v2/repository/index", "/v2/repository/models/sentiment/load", "/nowhere", "/v2/health/l/x", "/%2Fmetrics"),
    ],
)
def test_everything_else_needs_a_key(client, path):
    for headers in (
        {},
        bearer("wrong"),
        {"X-API-Key": "wrong"},
        {"Authorization": f"Basic {SECRET}"},
        {"Authorization": "Bearer"},
    ):
        answer = client.post(path, json={}, headers=headers)
        assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer"
        assert list(answer.json()) == ["error"] and SECRET not in answer.text
    assert client.post(path, json={}, headers=bearer(SECRET)).status_code != 401


@pytest.mark.parametrize("path", ["/v2", "/v2/models", "/v2/models/sentiment", "/v1/models", "/openapi.json"])
def test_reading_needs_a_key_too(client, path):
    assert client.get(path).status_code == 401
    assert client.get(path, headers=bearer(SECRET)).status_code == 200


def test_a_key_lets_in_by_either_header(client, rpc):
    for headers in (bearer(SECRET), {"X-API-Key": SECRET}, {"authorization": f"bearer  {SECRET}"}):
        assert len(read_rest(client.post(INFER, json=json_request(["a"]), headers=headers))) == 3
    for metadata in ([("authorization", f"Bearer {SECRET}")], [("x-api-key", SECRET)]):
        assert rpc.ModelInfer(grpc_request(["a"]), metadata=metadata).model_name == "sentiment"


def test_grpc_needs_a_key(rpc):
    for secret in (None, "wrong"):
        for call, request in [
            (rpc.ModelInfer, grpc_request(["a"])),
            (rpc.ModelMetadata, pb.ModelMetadataRequest(name="sentiment")),
            (rpc.ServerMetadata, pb.ServerMetadataRequest()),
            (rpc.RepositoryModelLoad, pb.RepositoryModelLoadRequest(model_name="sentiment")),
        ]:
            assert refused_rpc(call, request, secret).code() is grpc.StatusCode.UNAUTHENTICATED


def test_grpc_refuses_a_key_before_it_reads(guarded):
    """The client's message never comes."""
    stop = threading.Event()

    def never() -> Iterator[bytes]:
        stop.wait(600)
        yield from ()

    with grpc.insecure_channel(guarded.grpc_target) as channel:
        infer = channel.stream_unary("/inference.GRPCInferenceService/ModelInfer")
        with pytest.raises(grpc.RpcError) as refused:
            infer(never(), timeout=120)
    stop.set()
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_only_an_admins_key_loads_models(client, rpc):
    answer = client.post("/v2/repository/models/sentiment/load", headers=bearer(SECRET))
    assert answer.status_code == 403 and "'page'" in answer.json()["error"]
    request = pb.RepositoryModelUnloadRequest(model_name="sentiment")
    refused = refused_rpc(rpc.RepositoryModelUnload, request, SECRET)
    assert refused.code() is grpc.StatusCode.PERMISSION_DENIED


def test_requests_without_texts_cost_nothing(client, rpc):
    """Twenty of each, with keys that may have three texts at once; the next test asks for these three."""
    metadata = [("authorization", f"Bearer {SLOW}2")]
    for _ in range(20):
        for path in ("/v2", "/v2/models/sentiment", "/nowhere"):
            assert client.get(path, headers=bearer(SLOW)).status_code in (200, 404)
        for path, body in (("/v2/repository/index", {}), ("/feedback", {}), (INFER, {"inputs": []}), ("/predict", {})):
            assert client.post(path, json=body, headers=bearer(SLOW)).status_code in (200, 400)
        assert rpc.ModelMetadata(pb.ModelMetadataRequest(name="sentiment"), metadata=metadata).name == "sentiment"
        refused = refused_rpc(rpc.ModelInfer, pb.ModelInferRequest(model_name="sentiment"), SLOW + "2")
        assert refused.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_keys_limit_counts_texts_and_names_the_time(client, rpc):
    """Three texts at once, one in 100 s from then on; a request may be larger than that and is paid back."""
    assert client.post(INFER, json=json_request(["a"]), headers=bearer(SLOW)).status_code == 200
    assert client.post(INFER, json=json_request(["a"] * 5), headers=bearer(SLOW)).status_code == 200
    refused = client.post("/predict", json={"text": "a"}, headers=bearer(SLOW))
    assert refused.status_code == 429 and "'slow'" in refused.json()["error"]
    assert 300 < int(refused.headers["retry-after"]) <= 400
    metadata = [("authorization", f"Bearer {SLOW}2")]
    assert rpc.ModelInfer(grpc_request(["a"] * 5), metadata=metadata).model_name == "sentiment"
    error = refused_rpc(rpc.ModelInfer, grpc_request(["a"]), SLOW + "2")
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    trailing = dict(error.trailing_metadata())
    assert 200 < int(trailing["retry-after"]) <= 300 and trailing["grpc-retry-pushback-ms"].endswith("000")
    assert (
        client.post("/predict", json={"text": "a"}, headers=bearer(SECRET)).status_code == 200
    )  # other keys are still served


def test_metrics_name_keys_of_the_file_and_reasons_only(client):
    client.post(INFER, json=json_request(["a", "b"]), headers=bearer(SECRET))
    client.post(INFER, json=json_request(["a"]), headers=bearer("evil-secret"))
    shown = client.get("/metrics").text
    assert 'ml_key_texts_total{key="page"}' in shown and "evil" not in shown and SECRET not in shown
    for reason in ("unauthenticated", "forbidden", "rate_limit"):
        assert f'ml_rejected_requests_total{{reason="{reason}"}}' in shown


def test_a_page_learns_that_its_key_is_wrong_and_may_ask_whether_it_may(client):
    refused = client.post("/predict", json={"text": "a"}, headers={"Origin": ORIGIN})
    assert refused.status_code == 401 and refused.headers["access-control-allow-origin"] == ORIGIN
    asked = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    assert client.options("/predict", headers=asked).status_code == 200


def test_the_server_loads_a_changed_file_and_logs_no_secret(guarded, client, keys_file):
    entries = json.loads(keys_file.read_text())["keys"]
    write(keys_file, *entries, entry("late", "late secret"))
    headers = bearer("late secret")
    wait_for(lambda: client.get("/v2", headers=headers).status_code == 200, "the new key", 20)
    write(keys_file, *entries)
    wait_for(lambda: client.get("/v2", headers=headers).status_code == 401, "its end", 20)
    for secret in (SECRET, SLOW, "late secret", entries[0]["sha256"]):
        assert secret not in guarded.output
    assert "Traceback" not in guarded.output
