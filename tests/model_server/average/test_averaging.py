"""The arithmetic of an average, and what is no answer of an ensemble."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_server.average.mean import OFFERED, average, check_offered, question, tensors
from model_server.errors import BadGateway, InvalidInput
from model_server.inference.types import Options
from model_server.protocol.v2 import InferRequest, parse_request

Step = dict[str, Any]


def step(positive: list[float], version: str = "v") -> Step:
    data = [part for p in positive for part in (1 - p, p)]
    tensor = {"name": "probabilities", "datatype": "FP32", "shape": [len(positive), 2], "data": data}
    return {"model_name": "sentiment", "model_version": version, "outputs": [tensor]}


def raw(**steps: Any) -> bytes:
    return json.dumps(steps).encode()


PROBABILITY = st.floats(0, 1)
ROWS = st.integers(0, 5).flatmap(
    lambda count: st.lists(st.lists(PROBABILITY, min_size=count, max_size=count), min_size=1, max_size=5)
)


@given(ROWS)
def test_the_mean_lies_between_the_releases_and_does_not_hang_on_their_order(rows: list[list[float]]) -> None:
    count = len(rows[0])
    steps = {f"s{index}": step(row) for index, row in enumerate(rows)}
    averaged = average(raw(**steps), count).probabilities
    assert averaged == average(raw(**dict(reversed(steps.items()))), count).probabilities
    for index, mean in enumerate(averaged):
        column = [row[index] for row in rows]
        assert min(column) - 1e-12 <= mean <= max(column) + 1e-12
        assert mean == pytest.approx(sum(column) / len(column))


@given(st.lists(PROBABILITY, max_size=5))
def test_label_and_confidence_are_those_of_the_mean(probabilities: list[float]) -> None:
    label, confidence, both = (tensor.values for tensor in tensors(probabilities, OFFERED))
    assert label == ["positive" if p >= 0.5 else "negative" for p in probabilities]
    assert all(0.5 <= value <= 1 for value in confidence)
    assert confidence == [max(both[2 * index : 2 * index + 2]) for index in range(len(probabilities))]


def test_the_version_names_every_release() -> None:
    assert average(raw(b=step([0.5], "1" * 16), champion=step([0.5], "2" * 16)), 1).version == f"{'1' * 16}+{'2' * 16}"


def broken(**changes: Any) -> Step:
    good = step([0.2])
    return good | {"outputs": [good["outputs"][0] | changes]}


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"<html>", "not JSON"),
        (b"[]", "each step's answer"),
        (b"{}", "each step's answer"),
        (raw(**step([0.2])), "each step's answer"),  # one release's answer: the graph is a splitter
        (raw(b=step([0.2]), champion={"error": "full"}), "'champion'"),
        (raw(b=step([0.2]), champion={"outputs": "none"}), "'champion'"),
        (raw(b=step([0.2]), champion=step([0.2, 0.3])), "'champion'"),
        (raw(b=step([0.2]), champion=broken(name="label")), "'champion'"),
        (raw(b=step([0.2]), champion=broken(data=[0.8])), "'champion'"),
        (raw(b=step([0.2]), champion=broken(data=["0.8", "0.2"])), "'champion'"),
        (raw(b=step([0.2]), champion=broken(data=[True, False])), "'champion'"),
        (raw(b=step([0.2]), champion=broken(data=[-0.5, 1.5])), "'champion'"),
        (raw(b=step([0.2]), champion=step([0.2]) | {"model_version": None}), "model_version"),
    ],
)
def test_an_answer_that_is_not_an_ensembles_is_refused(answer: bytes, message: str) -> None:
    with pytest.raises(BadGateway, match=message):
        average(answer, 1)


def test_each_release_gets_the_same_request_for_probabilities_only() -> None:
    texts = ["a film", "half a pair: \ud83d"]
    asked = InferRequest(texts, "an id", ("label",), frozenset({"label"}), Options("head"))
    again = parse_request(question(asked), None)
    assert again.outputs == ("probabilities",) and again.options.truncation == "head" and not again.binary
    assert again.texts == ["a film", "half a pair: �"]
    assert "parameters" not in orjson.loads(question(InferRequest(["a"])))


@pytest.mark.parametrize("name", ["prediction_id", "tokens", "truncated"])
def test_outputs_specific_to_one_release_are_not_offered(name: str) -> None:
    with pytest.raises(InvalidInput, match="one release's own"):
        check_offered(InferRequest(["a"], outputs=("label", name)))
