"""Long texts: each way of cutting gives the same answer on every interface, and says what was not read."""

import json
from pathlib import Path
from typing import Any

import grpc
import httpx
import numpy as np
import pytest
from kit.server_process import ModelServer, model_server
from kit.v2_requests import INFER, binary_request, grpc_request, json_request, read_rest, read_rpc

from model_release import Scorer

OUTPUTS = ["probabilities", "tokens", "truncated"]
V1 = "/v1/models/sentiment:predict"
SHORT = "a wonderful warm film"
LONG = "wonderful tender " * 20 + "the plot " * 40 + "dull tedious awful " * 15
WAYS = [None, "head", "head_tail", "window"]


@pytest.fixture(scope="module")
def scorer(serving: Path) -> Scorer:
    return Scorer.load(serving, threads=1)


def expected(scorer: Scorer, text: str, way: str | None) -> tuple[float, int, bool]:
    """P(positive), tokens and truncated, by the scorer alone and one row at a time."""
    encodings = scorer.encode_windows(text) if way == "window" else scorer.encode([text], way)
    logits = np.concatenate([scorer.forward([encoding])[0] for encoding in encodings])
    (judgement,) = scorer.finish(logits.mean(axis=0, keepdims=True))
    return judgement.probability, encodings[0].tokens, encodings[0].truncated


def rest(http: httpx.Client, stub: Any, texts: list[str], parameters: dict[str, Any]) -> list[tuple[float, int, bool]]:
    return rows(read_rest(http.post(INFER, json=json_request(texts, OUTPUTS, parameters=parameters))))


def binary(http: httpx.Client, stub: Any, texts: list[str], parameters: dict[str, Any]) -> Any:
    body, headers = binary_request(texts, OUTPUTS, parameters=parameters)
    return rows(read_rest(http.post(INFER, content=body, headers=headers)))


def rpc(http: httpx.Client, stub: Any, texts: list[str], parameters: dict[str, Any]) -> Any:
    request = grpc_request(texts, OUTPUTS)
    for name, value in parameters.items():
        request.parameters[name].string_param = value
    return rows(read_rpc(stub.ModelInfer(request)))


def v1(http: httpx.Client, stub: Any, texts: list[str], parameters: dict[str, Any]) -> Any:
    predictions = http.post(V1, json={"instances": texts, "parameters": parameters}).json()["predictions"]
    return [(one["probabilities"]["positive"], one["tokens"], one["truncated"]) for one in predictions]


def predict(http: httpx.Client, stub: Any, texts: list[str], parameters: dict[str, Any]) -> Any:
    answers = [http.post("/predict", json={"text": text, "return_probabilities": True} | parameters) for text in texts]
    return [
        (one["probabilities"]["positive"], one["tokens"], one["truncated"]) for one in map(httpx.Response.json, answers)
    ]


def rows(outputs: dict[str, np.ndarray]) -> list[tuple[float, int, bool]]:
    positive = outputs["probabilities"][:, 1]
    return list(zip(positive.tolist(), outputs["tokens"].tolist(), outputs["truncated"].tolist(), strict=True))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("ask", [rest, binary, rpc, v1, predict])
def test_every_interface_cuts_alike_and_says_so(http, stub, scorer, ask, way):
    parameters = {} if way is None else {"truncation": way}
    answers = ask(http, stub, [SHORT, LONG, SHORT], parameters)
    for text, (probability, tokens, truncated) in zip([SHORT, LONG, SHORT], answers, strict=True):
        wanted, count, cut = expected(scorer, text, way)
        assert probability == pytest.approx(wanted, abs=1e-4)
        assert (tokens, truncated) == (count, cut)
    assert answers[1][1] > scorer.spec.max_tokens and answers[1][2] == (way != "window")


def test_the_ways_differ_on_a_text_whose_parts_do(http, stub):
    answers = {way: rest(http, stub, [LONG], {"truncation": way})[0][0] for way in WAYS[1:]}
    assert len({round(answer, 4) for answer in answers.values()}) == 3
    assert rest(http, stub, [LONG], {})[0][0] == pytest.approx(answers["head"], abs=1e-6)  # the release's own


@pytest.mark.parametrize("ask", [rest, rpc, v1, predict])
def test_error_answers_texts_that_fit(http, stub, ask):
    assert len(ask(http, stub, [SHORT], {"truncation": "error"})) == 1


def test_error_names_the_text_and_answers_none_of_the_request(http, stub):
    v2_answer = http.post(INFER, json=json_request([SHORT, LONG], parameters={"truncation": "error"}))
    v1_answer = http.post(V1, json={"instances": [SHORT, LONG], "parameters": {"truncation": "error"}})
    with pytest.raises(grpc.RpcError) as refused:
        rpc(http, stub, [SHORT, LONG], {"truncation": "error"})
    assert v2_answer.status_code == v1_answer.status_code == 400
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    for message in (v2_answer.json()["error"], v1_answer.json()["error"], refused.value.details()):
        assert "text[1]" in message and "64" in message and "window" in message


def test_v1_parameters_are_checked(http):
    for parameters, named in [({"truncation": "tail"}, "truncation"), ({"top_k": 1}, "top_k"), ([], "parameters")]:
        answer = http.post(V1, json={"instances": ["a"], "parameters": parameters})
        assert answer.status_code == 400 and named in answer.json()["error"]


def test_windows_up_to_the_limit_and_not_over_it(serving, tmp_path, scorer):
    limit = scorer.spec.max_tokens - 2
    two, three = ("film " * count for count in (limit + 1, 2 * limit))
    assert [len(scorer.encode_windows(text)) for text in (two, three)] == [2, 3]
    with (
        model_server(serving, tmp_path, MAX_WINDOWS="2") as server,
        httpx.Client(base_url=server.url, trust_env=False) as client,
    ):
        window = {"truncation": "window"}
        assert client.post(INFER, json=json_request([two], parameters=window)).status_code == 200
        refused = client.post(INFER, json=json_request([two, three], parameters=window))
        assert refused.status_code == 413
        assert all(part in refused.json()["error"] for part in ("text[1]", "3 windows", "limit is 2", "head_tail"))


def test_windows_share_ordinary_batches(server: ModelServer, http):
    """Windows of several texts are full, so they share batches with no padding between them."""

    def figure(name: str) -> float:
        lines = [line for line in http.get("/metrics").text.splitlines() if line.startswith(f"{name} ")]
        return float(json.loads(lines[0].split()[1]))

    before = {name: figure(name) for name in ("ml_batch_rows_sum", "ml_batch_rows_count", "ml_padding_tokens_total")}
    assert rest(http, None, [LONG] * 6, {"truncation": "window"})
    grown = {name: figure(name) - value for name, value in before.items()}
    assert grown["ml_batch_rows_sum"] > 6 and grown["ml_batch_rows_count"] < grown["ml_batch_rows_sum"]
    assert grown["ml_padding_tokens_total"] == 0
