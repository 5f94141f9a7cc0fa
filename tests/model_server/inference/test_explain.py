"""Explanations: exact occlusion on short texts, bounded work on long ones, offsets that point at the words."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc
import httpx
import numpy as np
import pytest
from kit.server_process import ModelServer, model_server
from kit.v2_requests import INFER, binary_request, grpc_request, json_request, read_rest, read_rpc
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub

from model_release import Encoding, Scorer
from model_server.inference.explain import Reading, explain, mask_id, read_text
from model_server.inference.occlusion import Span
from model_server.inference.outcome import Row, run

V1 = "/v1/models/sentiment"
TEXTS = ["a wonderful warm film", "Dull, and  TEDIOUS!", "x"]
LONG = "wonderful tender " * 20 + "the plot " * 40 + "dull tedious awful " * 15
EXPLAIN = {"explain": True}


@pytest.fixture(scope="module")
def scorer(serving: Path) -> Scorer:
    return Scorer.load(serving, threads=1)


def exact(scorer: Scorer, text: str) -> list[float]:
    """Leave-one-out by hand: one forward pass a token, each alone."""

    def odds(ids: list[int]) -> float:
        (logits,) = scorer.forward([Encoding(ids, len(ids), False)])[0]
        return float(logits[1] - logits[0]) / scorer.spec.temperature

    ids = scorer.encode([text])[0].ids
    mask = scorer.tokenizer.token_to_id("[MASK]")
    return [odds(ids) - odds([*ids[:at], mask, *ids[at + 1 :]]) for at in range(1, len(ids) - 1)]


def rest(http: httpx.Client, stub: Any, texts: list[str], **parameters: Any) -> list[dict[str, Any]]:
    body = json_request(texts, parameters=EXPLAIN | parameters)
    return [json.loads(one) for one in read_rest(http.post(INFER, json=body))["attributions"]]


def binary(http: httpx.Client, stub: Any, texts: list[str]) -> list[dict[str, Any]]:
    body, headers = binary_request(texts, ["attributions"])
    return [json.loads(one) for one in read_rest(http.post(INFER, content=body, headers=headers))["attributions"]]


def rpc(http: httpx.Client, stub: Any, texts: list[str]) -> list[dict[str, Any]]:
    request = grpc_request(texts)
    request.parameters["explain"].bool_param = True
    outputs = read_rpc(stub.ModelInfer(request))
    assert list(outputs) == ["label", "confidence", "probabilities", "attributions"]
    return [json.loads(one) for one in outputs["attributions"]]


def rpc_named(http: httpx.Client, stub: Any, texts: list[str]) -> list[dict[str, Any]]:
    outputs = read_rpc(stub.ModelInfer(grpc_request(texts, ["attributions"], raw=True)))
    return [json.loads(one) for one in outputs["attributions"]]


def v1_explain(http: httpx.Client, stub: Any, texts: list[str]) -> list[dict[str, Any]]:
    document = http.post(f"{V1}:explain", json={"instances": texts}).json()
    assert [sorted(one) for one in document["predictions"]] == [
        ["confidence", "label", "prediction_id", "probabilities", "tokens", "truncated"]
    ] * len(texts)
    return document["explanations"]


def v1_predict(http: httpx.Client, stub: Any, texts: list[str]) -> list[dict[str, Any]]:
    document = http.post(f"{V1}:predict", json={"instances": texts, "parameters": EXPLAIN}).json()
    return [one["attributions"] for one in document["predictions"]]


def predict(http: httpx.Client, stub: Any, texts: list[str]) -> list[dict[str, Any]]:
    return [http.post("/predict", json={"text": text, "explain": True}).json()["attributions"] for text in texts]


@pytest.mark.parametrize("ask", [rest, binary, rpc, rpc_named, v1_explain, v1_predict, predict])
def test_short_texts_get_exact_occlusion_on_every_interface(http, stub, scorer, ask):
    explained = ask(http, stub, TEXTS)
    assert len(explained) == len(TEXTS)
    for text, explanation in zip(TEXTS, explained, strict=True):
        expected = exact(scorer, text)
        assert (explanation["method"], explanation["exact"], explanation["passes"]) == (
            "occlusion",
            True,
            len(expected),
        )
        np.testing.assert_allclose([token["attribution"] for token in explanation["tokens"]], expected, atol=1e-4)
        assert {token["group"] for token in explanation["tokens"]} == {1}
        answer = scorer.score([text]).margin[0] / scorer.spec.temperature
        assert explanation["log_odds"] == pytest.approx(answer, abs=1e-4)
    assert np.ptp([token["attribution"] for token in explained[0]["tokens"]]) > 1e-4  # the network does look at words


@pytest.mark.parametrize("text", ["Dull, and  TEDIOUS!", "🎬 a wonderful film", "fünf\ttender  plot.", "e\u0301 film"])
def test_offsets_are_those_of_the_characters_that_were_sent(http, text):
    (explanation,) = rest(http, None, [text])
    at = 0
    for token in explanation["tokens"]:
        assert at <= token["start"] < token["end"] <= len(text)
        at = token["start"]
        surface = text[token["start"] : token["end"]].lower()
        if surface.isascii() and token["token"] != "[UNK]":  # the tokeniser strips accents
            assert surface == token["token"].removeprefix("##")
    words = {text[token["start"] : token["end"]].lower() for token in explanation["tokens"]}
    assert words & {"tedious", "wonderful", "tender", "film"}


def test_the_answer_beside_an_explanation_is_the_ordinary_one(http):
    plain = read_rest(http.post(INFER, json=json_request(TEXTS)))
    explained = read_rest(http.post(INFER, json=json_request(TEXTS, parameters=EXPLAIN)))
    np.testing.assert_allclose(
        explained["probabilities"].astype(float), plain["probabilities"].astype(float), atol=1e-4
    )
    assert "attributions" not in plain
    without = http.post("/predict", json={"text": TEXTS[0]}).json()
    assert "attributions" not in without


def test_a_long_text_is_explained_within_the_budget_in_what_was_read(serving, tmp_path, scorer):
    limit = scorer.spec.max_tokens - 2
    with (
        model_server(serving, tmp_path, EXPLAIN_PASSES="16", MAX_EXPLAINED_TEXTS="2") as server,
        httpx.Client(base_url=server.url, trust_env=False, timeout=60) as client,
    ):
        (head,) = rest(client, None, [LONG], truncation="head")
        (ends,) = rest(client, None, [LONG], truncation="head_tail")
        (whole,) = rest(client, None, [LONG], truncation="window")
        for explanation in (head, ends, whole):
            assert not explanation["exact"] and explanation["passes"] <= 16
            groups = [token["group"] for token in explanation["tokens"]]
            assert min(groups) <= max(groups) / 2  # some were looked into
        assert len(head["tokens"]) == len(ends["tokens"]) == limit
        assert head["tokens"][-1]["end"] < len(LONG) / 2 and ends["tokens"][-1]["end"] == len(LONG.rstrip())
        assert ends["tokens"][0]["start"] == 0
        count = len(scorer.tokenizer.encode(LONG, add_special_tokens=False).ids)
        assert len(whole["tokens"]) == count and whole["tokens"][-1]["end"] == len(LONG.rstrip())
        wide = client.post(INFER, json=json_request([LONG * 4], parameters=EXPLAIN | {"truncation": "window"}))
        assert wide.status_code == 413 and "windows" in wide.json()["error"] and "8" in wide.json()["error"]
        many = client.post(INFER, json=json_request(["a"] * 3, parameters=EXPLAIN))
        assert many.status_code == 413 and "limit is 2" in many.json()["error"]
        shown = client.get("/metrics").text
        assert "ml_explanations_total 3.0" in shown
        passes = head["passes"] + ends["passes"] + whole["passes"]
        assert f"ml_explanation_passes_total {float(passes)}" in shown


def test_windows_are_explained_by_the_mean_that_they_answer_with(scorer):
    """Masking a token in each window that holds it, by hand, on a text of two windows."""
    text = "wonderful tender awful " * 26
    encodings = scorer.encode_windows(text)
    assert len(encodings) == 2
    reading = read_text(scorer, text, "window", encodings)
    mask = mask_id(scorer)

    def odds(of: Sequence[Encoding]) -> float:
        logits = np.stack([scorer.forward([encoding])[0][0] for encoding in of]).mean(axis=0)
        return float(logits[1] - logits[0]) / scorer.spec.temperature

    shared = reading.starts[1] + 3  # a token of both
    for token in (0, shared, len(reading.tokens) - 1):
        span = Span(token, token + 1)
        masked = [
            reading.occluded(index, span, mask) if index in reading.touched(span) else encoding
            for index, encoding in enumerate(encodings)
        ]
        assert sum(one.ids.count(mask) for one in masked) == len(reading.touched(span)) == (2 if token == shared else 1)
        assert odds(encodings) - odds(masked) == pytest.approx(effect_of(scorer, reading, token), abs=1e-4)


def effect_of(scorer: Scorer, reading: Reading, token: int) -> float:
    import asyncio

    async def score(encodings: Sequence[Encoding]) -> list[Row]:
        return run(scorer, encodings)

    async def explained() -> dict[str, Any]:
        answers = await score(reading.encodings)
        return await explain(scorer, reading, answers, 1000, 256, score)

    explanation = asyncio.run(explained())
    assert explanation["exact"]
    return explanation["tokens"][token]["attribution"]


async def test_passes_come_a_batch_at_a_time(scorer):
    """Other requests can thus run between the passes."""
    asked: list[int] = []

    async def score(encodings: Sequence[Encoding]) -> list[Row]:
        asked.append(sum(len(encoding.ids) for encoding in encodings))
        return run(scorer, encodings)

    encodings = scorer.encode([LONG])
    reading = read_text(scorer, LONG, None, encodings)
    explanation = await explain(scorer, reading, await score(encodings), 40, 200, score)
    assert max(asked) <= 200 and len(asked) >= explanation["passes"] // 3


def test_a_text_without_tokens_has_an_empty_explanation(http):
    (explanation,) = rest(http, None, ["\u0000"])
    assert explanation["tokens"] == [] and explanation["exact"] and explanation["passes"] == 0


def test_explanations_can_be_off_and_a_deadline_holds_for_them(serving, tmp_path):
    with (
        model_server(serving, tmp_path / "off", EXPLAIN_PASSES="0") as server,
        httpx.Client(base_url=server.url, trust_env=False, timeout=60) as client,
        grpc.insecure_channel(server.grpc_target) as channel,
    ):
        for answer in (
            client.post(INFER, json=json_request(["a"], parameters=EXPLAIN)),
            client.post(f"{V1}:explain", json={"instances": ["a"]}),
            client.post("/predict", json={"text": "a", "explain": True}),
        ):
            assert answer.status_code == 400 and "no explanations" in answer.json()["error"]
        with pytest.raises(grpc.RpcError) as refused:
            GRPCInferenceServiceStub(channel).ModelInfer(grpc_request(["a"], ["attributions"]))
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_deadline_ends_an_explanation_and_leaves_the_engine_free(server: ModelServer, serving, tmp_path):
    with (
        model_server(serving, tmp_path, EXPLAIN_PASSES="4096", MAX_BATCH_TOKENS="8", MAX_WINDOWS="2000") as slow,
        httpx.Client(base_url=slow.url, trust_env=False, timeout=60) as client,
    ):
        body = json_request([LONG * 60], parameters=EXPLAIN | {"truncation": "window"})
        refused = client.post(INFER, json=body, headers={"X-Request-Timeout": "0.5"})
        assert refused.status_code == 504
        assert client.post(INFER, json=json_request(["a"])).status_code == 200
        assert "Traceback" not in slow.output
