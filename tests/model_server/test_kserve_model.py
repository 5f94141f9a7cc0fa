"""`SentimentModel` in a stock `kserve.ModelServer`: three models in one process, asked by KServe's clients."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from cloudevents.conversion import to_binary, to_structured
from cloudevents.http import CloudEvent, from_http
from kit import kserve_models
from kit.kserve_clients import TEXTS, by_grpc, by_rest, infer_request, tensors
from kit.kserve_process import StockServer, stock_server
from kit.server_process import wait_for
from kit.v2_requests import grpc_request, json_request, pack
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub
from kserve.protocol.infer_type import RequestedOutput

from model_release import Scorer

V1 = "/v1/models/sentiment:predict"
MARKED = [text.replace(" ", "<br />") for text in TEXTS]


@pytest.fixture(scope="module")
def stock(serving: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StockServer]:
    work = tmp_path_factory.mktemp("stock")
    environment = {"DATABASE_URL": f"sqlite:///{work}/log.db", "SPILL_DIR": str(work / "spill")}
    program = [kserve_models.__file__, str(serving)]
    with stock_server(program, work / "stock.log", **environment) as running:
        yield running


@pytest.fixture(scope="module")
def expected(serving: Path) -> list[float]:
    """P(positive) of the texts, by the release alone."""
    scorer = Scorer.load(serving)
    logits, _ = scorer.forward(scorer.encode(TEXTS))
    return [judgement[1] for judgement in scorer.finish(logits)]


def positives(answer: dict[str, Any]) -> list[float]:
    return [prediction["probabilities"]["positive"] for prediction in answer["predictions"]]


def test_v1_predicts_and_explains(stock, expected):
    url = stock.url
    assert by_rest("v1", lambda client: client.is_model_ready(url, "sentiment")) is True
    answer = by_rest("v1", lambda client: client.infer(url, {"instances": TEXTS}, "sentiment"))
    assert positives(answer) == pytest.approx(expected, abs=0.02)
    explained = by_rest("v1", lambda client: client.explain(url, "sentiment", {"instances": TEXTS}))
    assert [found["method"] for found in explained["explanations"]] == ["occlusion"] * 2


def test_an_explanation_does_not_send_the_requests_headers_back(stock):
    """KServe's own answers do: findings/kserve-explain-echoes-headers.sh."""
    url, headers = f"{stock.url}/v1/models/sentiment:explain", {"Authorization": "Bearer key", "Cookie": "a=b"}
    answer = httpx.post(url, json={"instances": ["a"]}, headers=headers, trust_env=False)
    assert answer.status_code == 200 and not {"authorization", "cookie", "host"} & set(answer.headers)


@pytest.mark.parametrize("write", [to_binary, to_structured])
@pytest.mark.parametrize("verb", ["predict", "explain"])
def test_an_event_is_answered_by_an_event(stock, write, verb):
    headers, body = write(CloudEvent({"type": "review", "source": "/shop"}, {"instances": ["a"]}))
    answered = httpx.post(f"{stock.url}/v1/models/sentiment:{verb}", content=body, headers=headers, trust_env=False)
    event = from_http(dict(answered.headers), answered.content)
    data = event.data if isinstance(event.data, dict) else json.loads(event.data)
    assert event["source"] == "io.kserve.inference.sentiment" and len(data["predictions"]) == 1


@pytest.mark.parametrize("binary", [False, True])
def test_v2_over_rest_and_grpc(stock, expected, binary):
    outputs = [RequestedOutput("probabilities", {"binary_data": binary}), RequestedOutput("tokens")]
    for ask in ({"binary_data_output": binary}, {"outputs": outputs}, {"outputs": outputs, "explain": True}):
        request = infer_request(binary=binary, **ask)
        by_http = by_rest("v2", lambda client, asked=request: client.infer(stock.url, asked, "sentiment"))
        request = infer_request(binary=binary, **ask)
        by_call = by_grpc(stock.grpc_target, lambda client, asked=request: client.infer(asked))
        for response in (by_http, by_call):
            values = tensors(response)
            assert values["probabilities"][1::2] == pytest.approx(expected, abs=0.02)
            assert ("attributions" in values) == ("explain" in ask)
            assert response.id
        assert by_call.model_version


def test_a_subclass_changes_texts_and_answers_in_every_form(stock, expected):
    """`texts_of` and `with_texts` read and write V1, JSON, binary tensors, typed and raw contents alike."""
    answer = by_rest("v1", lambda client: client.infer(stock.url, {"instances": MARKED}, "reviews"))
    assert positives(answer) == pytest.approx(expected, abs=0.02) and answer["answered_by"] == "reviews"
    for binary in (False, True):
        request = infer_request(binary=binary, texts=MARKED, model="reviews")
        by_call = by_grpc(stock.grpc_target, lambda client, asked=request: client.infer(asked))
        request = infer_request(binary=binary, texts=MARKED, model="reviews", binary_data_output=binary)
        by_http = by_rest("v2", lambda client, asked=request: client.infer(stock.url, asked, "reviews"))
        for response in (by_http, by_call):
            assert tensors(response)["probabilities"][1::2] == pytest.approx(expected, abs=0.02)
            assert "answered_by" in response.parameters


def test_another_model_answers_beside_it(stock):
    answer = by_rest("v1", lambda client: client.infer(stock.url, {"instances": [1, 2]}, "echo"))
    assert answer == {"predictions": [1, 2]}
    assert set(httpx.get(f"{stock.url}/v1/models", trust_env=False).json()["models"]) == {
        "sentiment",
        "reviews",
        "echo",
    }


@pytest.mark.parametrize(
    ("body", "headers", "status", "message"),
    [
        ({"instances": [3]}, {}, 400, "instances[0]"),
        ({"instance": ["a"]}, {}, 400, "instance is unknown"),
        ([], {}, 400, "not an object"),
        ({"instances": ["a"], "parameters": {"colour": 1}}, {}, 400, "colour is unknown"),
        ({"instances": ["a"] * 5}, {}, 413, "the limit is 4"),
        ({"instances": ["a"]}, {"X-Request-Timeout": "0.000001"}, 504, "deadline"),
        ({"instances": ["a"]}, {"X-Request-Timeout": "soon"}, 400, "X-Request-Timeout"),
    ],
)
def test_each_client_error_has_a_status_in_rest(stock, body, headers, status, message):
    answer = httpx.post(f"{stock.url}{V1}", json=body, headers=headers, trust_env=False)
    assert answer.status_code == status, answer.text
    assert list(answer.json()) == ["error"] and message in answer.json()["error"]


@pytest.mark.parametrize(("content_type", "status"), [("str", 200), ("base64", 400)])
def test_mlservers_shape_and_codecs(stock, content_type, status):
    tensor = json_request(["a", "b"])["inputs"][0] | {"shape": [2, 1], "parameters": {"content_type": content_type}}
    url = f"{stock.url}/v2/models/sentiment/infer"
    answer = httpx.post(url, json={"inputs": [tensor]}, trust_env=False)
    assert answer.status_code == status and ("content_type" in answer.text) == (status == 400)


def test_v1_needs_no_content_type(stock):
    """KServe hands a model the bytes of a body whose Content-Type it does not take for JSON."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = httpx.post(f"{stock.url}{V1}", content=b'{"instances": ["a"]}', headers=headers, trust_env=False)
    assert len(answer.json()["predictions"]) == 1


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"texts": []}, "INVALID_ARGUMENT", "no text"),
        ({"texts": ["a"] * 5}, "INVALID_ARGUMENT", "the limit is 4"),
        ({"raw": pack(["a"])[:-1]}, "INVALID_ARGUMENT", "promises 1 bytes"),
        ({"raw": pack([b"\xff"])}, "INVALID_ARGUMENT", "UTF-8"),
        ({"outputs": ["colour"]}, "INVALID_ARGUMENT", "outputs[0].name"),
        ({"content_type": "base64"}, "INVALID_ARGUMENT", "inputs[0].parameters.content_type is 'base64'"),
        ({"model_version": "0123456789abcdef"}, "NOT_FOUND", "no version"),
        ({"metadata": [("x-request-timeout", "0.000001")]}, "DEADLINE_EXCEEDED", "deadline"),
    ],
)
def test_each_client_error_has_a_code_in_grpc(stock, change, code, message):
    change = dict(change)
    raw, metadata, codec = (change.pop(name, None) for name in ("raw", "metadata", "content_type"))
    request = grpc_request(change.pop("texts", ["a"]), change.pop("outputs", ()), **change)
    if raw is not None:
        request.inputs[0].ClearField("contents")
        request.raw_input_contents.append(raw)
    if codec is not None:
        request.inputs[0].parameters["content_type"].string_param = codec
    with grpc.insecure_channel(stock.grpc_target) as channel, pytest.raises(grpc.RpcError) as refused:
        GRPCInferenceServiceStub(channel).ModelInfer(request, metadata=metadata)
    assert (refused.value.code().name, message in refused.value.details()) == (code, True), refused.value.details()


def test_metadata_and_metrics(stock):
    metadata = httpx.get(f"{stock.url}/v2/models/sentiment", trust_env=False).json()
    assert [tensor["name"] for tensor in metadata["inputs"]] == ["text"]
    with grpc.insecure_channel(stock.grpc_target) as channel:
        described = GRPCInferenceServiceStub(channel).ModelMetadata(pb.ModelMetadataRequest(name="reviews"))
    assert "probabilities" in [tensor.name for tensor in described.outputs]
    httpx.post(f"{stock.url}{V1}", json={"instances": ["a"]}, trust_env=False)
    metrics = httpx.get(f"{stock.url}/metrics", trust_env=False).text
    assert metrics.count("# TYPE ml_requests_total counter") == 1
    for model in ("sentiment", "reviews"):
        assert f'ml_ready{{model="{model}"}} 1.0' in metrics
    assert 'ml_responses_total{model="sentiment",route="v1",status="200"}' in metrics


def test_a_stop_answers_what_was_taken_and_writes_the_log(serving, tmp_path):
    """KServe unloads its models before its gRPC server has drained."""
    environment = {"DATABASE_URL": f"sqlite:///{tmp_path}/log.db", "SPILL_DIR": str(tmp_path / "spill")}
    program = ["-m", "model_server.kserve_model", "--model_dir", str(serving)]
    with stock_server(program, tmp_path / "stock.log", **environment) as server, ThreadPoolExecutor(4) as asking:
        texts = ["a warm film " * 20] * 128

        def ask(_: int) -> int:
            with grpc.insecure_channel(server.grpc_target) as channel:
                answer = GRPCInferenceServiceStub(channel).ModelInfer(grpc_request(texts, ["label"]))
            return int(answer.outputs[0].shape[0])

        answers = asking.map(ask, range(4))
        begun = "ml_batch_rows_count"
        wait_for(lambda: _value(server, begun) > 0, "the first batch")
        assert server.stop() == 0, server.output
        assert list(answers) == [128] * 4
        assert "512 rows written, 0 in the journal, 0 lost" in server.output
    with sqlite3.connect(tmp_path / "log.db") as log:
        assert log.execute("SELECT source, COUNT(*) FROM predictions GROUP BY source").fetchall() == [("v2-grpc", 512)]


def _value(server: StockServer, name: str) -> float:
    text = httpx.get(f"{server.url}/metrics", trust_env=False).text
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(f"{name}{{"))


@pytest.mark.parametrize(
    ("flags", "environment", "message"),
    [
        ([], {"API_KEYS_FILE": "keys.json"}, "API_KEYS_FILE is set, and KServe's edges do not enforce it"),
        (["--workers", "2"], {}, "--workers is 2"),
        (["--release_id", "0123456789abcdef"], {}, "0123456789abcdef"),
    ],
)
def test_an_unusable_configuration_ends_the_start_in_one_line(serving, tmp_path, flags, environment, message):
    log = {"DATABASE_URL": f"sqlite:///{tmp_path}/log.db", "SPILL_DIR": str(tmp_path / "spill")}
    program = ["-m", "model_server.kserve_model", "--model_dir", str(serving), *flags]
    server = StockServer(program, tmp_path / "stock.log", **log, **environment)
    assert server.process.wait(240) == 2
    assert message in server.output and "Traceback" not in server.output


def test_the_server_of_this_project_imports_none_of_it():
    code = "import sys, model_server.server; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"kserve", "kserve.model", "cloudevents", "pandas", "kubernetes", "model_server.kserve_model"} & set(
        loaded
    )
