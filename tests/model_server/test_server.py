"""One real server, asked in every way that it offers."""

import json
import socket
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc
import httpx
import numpy as np
import pytest
from kit.server_process import ModelServer, model_server, wait_for
from kit.v2_requests import INFER, LENGTH_HEADER, binary_request, grpc_request, json_request, read_rest, read_rpc
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb

TEXTS = ["a wonderful warm film", "dull and tedious", "the plot " * 40, "Fünf Sterne 🎬", "x"]
ALL_OUTPUTS = ["label", "confidence", "probabilities", "prediction_id", "tokens", "truncated"]
DEFAULT_OUTPUTS = ALL_OUTPUTS[:3]


@pytest.fixture(scope="module")
def expected(serving: Path) -> Any:
    from model_release import Scorer

    return Scorer.load(serving, threads=1).score(TEXTS)


def ask_rest(http: httpx.Client, stub: Any) -> dict[str, np.ndarray]:
    return read_rest(http.post(INFER, json=json_request(TEXTS, ALL_OUTPUTS)))


def ask_rest_binary(http: httpx.Client, stub: Any) -> dict[str, np.ndarray]:
    body, headers = binary_request(TEXTS, ALL_OUTPUTS)
    return read_rest(http.post(INFER, content=body, headers=headers))


def ask_grpc(http: httpx.Client, stub: Any) -> dict[str, np.ndarray]:
    return read_rpc(stub.ModelInfer(grpc_request(TEXTS, ALL_OUTPUTS)))


def ask_grpc_raw(http: httpx.Client, stub: Any) -> dict[str, np.ndarray]:
    return read_rpc(stub.ModelInfer(grpc_request(TEXTS, ALL_OUTPUTS, raw=True)))


@pytest.mark.parametrize("ask", [ask_rest, ask_rest_binary, ask_grpc, ask_grpc_raw])
def test_every_transport_gives_the_releases_answers(http, stub, expected, ask):
    outputs = ask(http, stub)
    assert list(outputs) == ALL_OUTPUTS
    assert outputs["label"].tolist() == [("negative", "positive")[label] for label in expected.label]
    np.testing.assert_allclose(outputs["probabilities"][:, 1].astype(float), expected.probability, atol=1e-6)
    np.testing.assert_allclose(outputs["probabilities"].astype(float).sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(outputs["confidence"].astype(float), expected.confidence, atol=1e-6)
    assert outputs["tokens"].tolist() == expected.tokens.tolist()
    assert outputs["truncated"].tolist() == expected.truncated.tolist() == [False, False, True, False, False]
    assert len(set(outputs["prediction_id"])) == len(TEXTS)


def test_a_server_with_streams_gives_the_releases_answers(serving, expected, tmp_path):
    with (
        model_server(serving, tmp_path, ENGINE_STREAMS="2", ENGINE_THREADS="2", MAX_BATCH_TOKENS="16") as server,
        httpx.Client(base_url=server.url, trust_env=False, timeout=30) as http,
    ):
        for _ in range(3):
            outputs = read_rest(http.post(INFER, json=json_request(TEXTS, ALL_OUTPUTS)))
            np.testing.assert_allclose(outputs["probabilities"][:, 1].astype(float), expected.probability, atol=1e-6)


def test_v1_and_predict_give_the_same_answers(http, expected):
    answers = http.post("/v1/models/sentiment:predict", json={"instances": [TEXTS[0], {"text": TEXTS[1]}]})
    predictions = answers.json()["predictions"]
    predictions += [http.post("/predict", json={"text": text, "return_probabilities": True}).json() for text in TEXTS]
    for prediction, index in zip(predictions, [0, 1, *range(len(TEXTS))], strict=True):
        assert prediction["label"] == ("negative", "positive")[expected.label[index]]
        assert prediction["probabilities"]["positive"] == pytest.approx(expected.probability[index], abs=1e-6)
        assert prediction["confidence"] == pytest.approx(expected.confidence[index], abs=1e-6)


def test_predict_returns_probabilities_only_when_asked_and_names_its_release(http, tiny_release):
    answer = http.post("/predict", json={"text": "a film"}).json()
    assert sorted(answer) == ["confidence", "label", "prediction_id", "release_id", "tokens", "truncated"]
    assert answer["release_id"] == tiny_release[1]


@pytest.mark.parametrize("request_id", [None, "", "a-1", "ünï"])
def test_ids_are_echoed(http, stub, request_id):
    document = json_request(["a"]) | ({} if request_id is None else {"id": request_id})
    answer = http.post(INFER, json=document).json()
    assert answer.get("id") == request_id and ("id" in answer) == (request_id is not None)
    assert stub.ModelInfer(grpc_request(["a"], id=request_id or "")).id == (request_id or "")


def test_outputs_are_the_default_ones_or_those_asked_for_in_their_order(http, stub):
    assert list(read_rest(http.post(INFER, json=json_request(["a"])))) == DEFAULT_OUTPUTS
    assert list(read_rpc(stub.ModelInfer(grpc_request(["a"])))) == DEFAULT_OUTPUTS
    names = ["tokens", "label"]
    assert list(read_rest(http.post(INFER, json=json_request(["a"], names)))) == names
    assert list(read_rpc(stub.ModelInfer(grpc_request(["a"], names)))) == names


def test_a_binary_answer_states_its_jsons_length(http):
    body, headers = binary_request(["a", "b"], ["label"])
    response = http.post(INFER, content=body, headers=headers)
    head = json.loads(response.content[: int(response.headers[LENGTH_HEADER])])
    assert head["outputs"][0]["shape"] == [2] and "data" not in head["outputs"][0]
    assert response.headers["content-type"] == "application/octet-stream"


def test_the_version_is_the_releases_id(http, stub, tiny_release):
    release_id = tiny_release[1]
    path = f"/v2/models/sentiment/versions/{release_id}"
    assert http.post(f"{path}/infer", json=json_request(["a"])).json()["model_version"] == release_id
    assert stub.ModelInfer(grpc_request(["a"], model_version=release_id)).model_version == release_id
    assert http.get(f"{path}/ready").status_code == http.get(path).status_code == 200
    for missing in ("/v2/models/sentiment/versions/1", "/v2/models/sentiment/versions/1/ready", "/v2/models/other"):
        answer = http.get(missing)
        there = "'sentiment'" if missing.endswith("other") else release_id
        assert answer.status_code == 404 and there in answer.json()["error"]


def test_metadata_is_the_same_on_both_transports(http, stub, tiny_release):
    rest = http.get("/v2/models/sentiment").json()
    rpc = stub.ModelMetadata(pb.ModelMetadataRequest(name="sentiment"))
    assert rest["versions"] == list(rpc.versions) == [tiny_release[1]]
    assert rest["platform"] == rpc.platform == "openvino"

    def described(tensors: Any) -> list[dict[str, Any]]:
        return [{"name": one.name, "datatype": one.datatype, "shape": list(one.shape)} for one in tensors]

    assert rest["inputs"] == described(rpc.inputs) == [{"name": "text", "datatype": "BYTES", "shape": [-1]}]
    assert rest["outputs"] == described(rpc.outputs)
    assert [output["name"] for output in rest["outputs"]] == [*ALL_OUTPUTS, "attributions"]
    server, metadata = http.get("/v2").json(), stub.ServerMetadata(pb.ServerMetadataRequest())
    assert (server["name"], server["version"], server["extensions"]) == (
        metadata.name,
        metadata.version,
        list(metadata.extensions),
    )
    assert "binary_tensor_data" in server["extensions"]


def test_health(http, stub, tiny_release):
    assert http.get("/v2/health/live").json() == {"live": True} and stub.ServerLive(pb.ServerLiveRequest()).live
    assert http.get("/v2/health/ready").json() == {"ready": True} and stub.ServerReady(pb.ServerReadyRequest()).ready
    assert http.get("/v2/models/sentiment/ready").json() == {"name": "sentiment", "ready": True}
    assert stub.ModelReady(pb.ModelReadyRequest(name="sentiment")).ready
    assert http.get("/v1/models").json() == {"models": ["sentiment"]}
    assert http.get("/v1/models/sentiment").json() == {"name": "sentiment", "ready": True}
    health = http.get("/health").json()
    assert (health["status"], health["model"], health["release_id"]) == ("ready", "sentiment", tiny_release[1])
    assert health["log"]["lost"] == 0


def test_no_content_type_is_needed(server):
    """tritonclient sends none."""
    body = json.dumps(json_request(["a film"])).encode()
    with closing(socket.create_connection(("127.0.0.1", server.http_port))) as wire:
        wire.sendall(f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        assert wire.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_unimplemented_calls_say_so(server, stub):
    """The release is the process's; the protocol's repository calls are optional."""
    for call, request in [
        (stub.RepositoryModelLoad, pb.RepositoryModelLoadRequest(model_name="sentiment")),
        (stub.RepositoryModelUnload, pb.RepositoryModelUnloadRequest(model_name="sentiment")),
    ]:
        with pytest.raises(grpc.RpcError) as refused:
            call(request, timeout=20)
        assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert "Traceback" not in server.output
    with grpc.insecure_channel(server.grpc_target) as channel:
        call = channel.unary_unary("/inference.GRPCInferenceService/NoSuchCall")
        with pytest.raises(grpc.RpcError) as refused:
            call(b"", timeout=20)
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


def rows_of(server: ModelServer, ids: list[str]) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(server.database_url.removeprefix("sqlite:///"))) as database:
        database.row_factory = sqlite3.Row
        marks = ",".join("?" * len(ids))
        query = f"SELECT p.*, v.sentiment FROM predictions p JOIN prediction_logs v USING (id) WHERE id IN ({marks})"
        found = {row["id"]: dict(row) for row in database.execute(query, ids)}
    return [found[key] for key in ids if key in found]


def test_every_source_writes_its_row(server, http, stub):
    text = "a row for the log"
    body, headers = binary_request([text], ["prediction_id"])
    asked = [
        read_rest(http.post(INFER, json=json_request([text], ["prediction_id"])))["prediction_id"][0],
        read_rest(http.post(INFER, content=body, headers=headers))["prediction_id"][0],
        read_rpc(stub.ModelInfer(grpc_request([text], ["prediction_id"])))["prediction_id"][0],
        http.post("/predict", json={"text": text}).json()["prediction_id"],
        http.post("/v1/models/sentiment:predict", json={"instances": [text]}).json()["predictions"][0]["prediction_id"],
    ]
    ids = [str(one) for one in asked]
    wait_for(lambda: len(rows_of(server, ids)) == len(ids), "the rows", 20)
    rows = rows_of(server, ids)
    assert [row["source"] for row in rows] == ["v2-rest", "v2-rest", "v2-grpc", "predict", "v1"]
    assert {row["text"] for row in rows} == {text}
    assert {row["client"] for row in rows} == {"127.0.0.1"}
    assert len({row["probability"] for row in rows}) == 1 and {row["sentiment"] for row in rows} == {rows[0]["label"]}
    assert all(len(row["sketch"]) == 128 and row["latency_ms"] > 0 and row["tokens"] > 2 for row in rows)


def test_feedback_finds_its_prediction(server, http):
    prediction_id = http.post("/predict", json={"text": "right or wrong"}).json()["prediction_id"]
    wait_for(lambda: len(rows_of(server, [prediction_id])) == 1, "the row", 20)
    body = {"prediction_id": prediction_id, "label": "negative", "who": "tests"}
    assert http.post("/feedback", json=body).json() == {"prediction_id": prediction_id, "label": "negative"}
    with closing(sqlite3.connect(server.database_url.removeprefix("sqlite:///"))) as database:
        query = "SELECT true_label, who FROM feedback WHERE prediction_id = ?"
        assert database.execute(query, [prediction_id]).fetchall() == [("negative", "tests")]
    with closing(sqlite3.connect(server.database_url.removeprefix("sqlite:///"), isolation_level=None)) as database:
        database.execute("BEGIN EXCLUSIVE")
        locked = http.post("/feedback", json=body)
        assert (locked.status_code, locked.headers["Retry-After"]) == (503, "1")
        assert "send the feedback again later" in locked.json()["error"]
    unknown = http.post("/feedback", json=body | {"prediction_id": "018f0000-0000-7000-8000-000000000000"})
    assert unknown.status_code == 404 and "018f0000" in unknown.json()["error"]
    for bad, field in [({"prediction_id": "x"}, "prediction_id"), ({"label": "meh"}, "label"), ({"a": 1}, "a ")]:
        refused = http.post("/feedback", json=body | bad)
        assert refused.status_code == 400 and field in refused.json()["error"]
