"""KServe's own clients against the server: a transformer in a stock ModelServer, the REST and the gRPC client."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import pytest
from kit import kserve_transformer
from kit.kserve_clients import TEXTS, by_grpc, by_rest, infer_request, tensors
from kit.kserve_process import StockServer, stock_server
from kit.server_process import ModelServer
from kserve import InferResponse
from kserve.protocol.infer_type import RequestedOutput

PROTOCOLS = ("v1", "v2", "grpc-v2")


@pytest.fixture(scope="module")
def expected(server: ModelServer) -> list[float]:
    """P(positive) of the texts, as the server gives it to a plain client."""
    answer = httpx.post(f"{server.url}/v1/models/sentiment:predict", json={"instances": TEXTS}, trust_env=False)
    return [prediction["probabilities"]["positive"] for prediction in answer.json()["predictions"]]


def check(response: InferResponse, expected: list[float]) -> None:
    values = tensors(response)
    assert values["probabilities"][1::2] == pytest.approx(expected, abs=0.02)
    assert values["label"] == ["positive" if value > 0.5 else "negative" for value in expected]


def test_v1_by_kserves_rest_client(server, expected):
    url = server.url
    assert by_rest("v1", lambda client: client.is_server_live(url)) is True
    assert by_rest("v1", lambda client: client.is_model_ready(url, "sentiment")) is True
    answer = by_rest("v1", lambda client: client.infer(url, {"instances": TEXTS}, "sentiment"))
    positive = [prediction["probabilities"]["positive"] for prediction in answer["predictions"]]
    assert positive == pytest.approx(expected, abs=0.02)
    explained = by_rest("v1", lambda client: client.explain(url, "sentiment", {"instances": TEXTS}))
    assert [found["method"] for found in explained["explanations"]] == ["occlusion"] * 2
    with pytest.raises(httpx.HTTPStatusError, match="instances\\[0\\] must be a string") as refused:
        by_rest("v1", lambda client: client.infer(url, {"instances": [3]}, "sentiment"))
    assert refused.value.response.status_code == 400


@pytest.mark.parametrize("binary", [False, True])
def test_v2_by_kserves_rest_client(server, expected, binary):
    url = server.url
    assert by_rest("v2", lambda client: client.is_server_live(url)) is True
    assert by_rest("v2", lambda client: client.is_server_ready(url)) is True
    assert by_rest("v2", lambda client: client.is_model_ready(url, "sentiment")) is True
    assert by_rest("v2", lambda client: client.is_model_ready(url, "another")) is False
    request = infer_request(binary=binary, binary_data_output=binary)
    check(by_rest("v2", lambda client: client.infer(url, request, "sentiment")), expected)
    outputs = [RequestedOutput("tokens", {"binary_data": binary}), RequestedOutput("attributions")]
    request = infer_request(binary=binary, outputs=outputs, truncation="head", explain=True)
    answer = tensors(by_rest("v2", lambda client: client.infer(url, request, "sentiment")))
    assert list(answer) == ["tokens", "attributions"] and min(answer["tokens"]) > 2
    with pytest.raises(httpx.HTTPStatusError, match=r"parameters\.colour is unknown"):
        by_rest("v2", lambda client: client.infer(url, infer_request(binary=binary, colour="red"), "sentiment"))


@pytest.mark.parametrize("binary", [False, True])
def test_v2_by_kserves_grpc_client(server, expected, binary):
    target = server.grpc_target
    assert by_grpc(target, lambda client: client.is_server_live()) is True
    assert by_grpc(target, lambda client: client.is_server_ready()) is True
    assert by_grpc(target, lambda client: client.is_model_ready("sentiment")) is True
    check(by_grpc(target, lambda client: client.infer(infer_request(binary=binary))), expected)
    request = infer_request(binary=binary, outputs=[RequestedOutput("tokens")], truncation="head", explain=True)
    answer = tensors(by_grpc(target, lambda client: client.infer(request)))
    assert list(answer) == ["tokens", "attributions"]
    with pytest.raises(grpc.RpcError, match="another") as refused:
        by_grpc(target, lambda client: client.is_model_ready("another"))
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


@pytest.fixture(scope="module")
def transformers(server: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, StockServer]]:
    """A transformer for each protocol that it may ask its predictor by, with the predictor's health checked."""
    folder = tmp_path_factory.mktemp("transformers")
    with contextlib.ExitStack() as running:
        started = {}
        for protocol in PROTOCOLS:
            host = server.grpc_target if protocol == "grpc-v2" else server.url.removeprefix("http://")
            flags = ["--predictor_host", host, "--predictor_protocol", protocol, "--enable_predictor_health_check"]
            program = [str(Path(kserve_transformer.__file__)), "--model_name", "sentiment", *flags]
            started[protocol] = running.enter_context(stock_server(program, folder / f"{protocol}.log"))
        yield started


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_transformer_is_ready_when_its_predictor_is(transformers, protocol):
    """Each asks in its own way: `GET /` and the model by V1, the readiness by V2, and by gRPC."""
    ready = transformers[protocol].get("/v2/health/ready")
    assert (ready.status_code, ready.json()) == (200, {"ready": True}), ready.text
    assert transformers[protocol].get("/v1/models/sentiment").json() == {"name": "sentiment", "ready": True}


def test_a_transformer_asks_by_v1(transformers, expected):
    url, marked = transformers["v1"].url, {"instances": [text.replace(" ", "<br />") for text in TEXTS]}
    answer = by_rest("v1", lambda client: client.infer(url, marked, "sentiment"))
    positive = [prediction["probabilities"]["positive"] for prediction in answer["predictions"]]
    assert positive == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("binary", [False, True])
def test_a_transformer_asks_by_v2(transformers, expected, binary):
    request, url = infer_request(binary=binary), transformers["v2"].url
    check(by_rest("v2", lambda client: client.infer(url, request, "sentiment")), expected)


@pytest.mark.parametrize("entry", ["v2", "grpc-v2"])
def test_a_transformer_asks_by_grpc(transformers, expected, entry):
    server, request = transformers["grpc-v2"], infer_request(binary=False)
    if entry == "v2":
        check(by_rest("v2", lambda client: client.infer(server.url, request, "sentiment")), expected)
    else:
        check(by_grpc(server.grpc_target, lambda client: client.infer(request)), expected)


def test_the_root_answers_kserves_probe_and_leads_a_person_on(http):
    answer = http.get("/")
    assert answer.status_code == 200 and answer.json()["status"] == "alive"
    assert http.get(answer.json()["docs"]).status_code == http.get(answer.json()["health"]).status_code == 200
    assert http.head("/").status_code == 200 and http.post("/").status_code == 405


def test_models_are_listed_by_v2_as_kserve_lists_them(http):
    assert http.get("/v2/models").json() == http.get("/v1/models").json() == {"models": ["sentiment"]}
