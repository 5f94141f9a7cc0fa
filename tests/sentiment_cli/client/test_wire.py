import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentiment_cli.client import wire
from sentiment_cli.errors import ServerAnswer


@settings(max_examples=40)
@given(st.lists(st.binary(max_size=40)))
def test_bytes_tensors_come_back(values):
    assert wire.unpack_bytes(wire.pack_bytes(values)) == values


@settings(max_examples=40)
@given(st.lists(st.binary(min_size=1, max_size=20), min_size=1), st.data())
def test_a_cut_bytes_tensor_is_refused(values, data):
    raw = wire.pack_bytes(values)
    ends = {0}
    for value in values:
        ends.add(max(ends) + 4 + len(value))
    cut = data.draw(st.integers(0, len(raw)).filter(lambda end: end not in ends))
    with pytest.raises(ServerAnswer, match="ends inside"):
        wire.unpack_bytes(raw[:cut])


@settings(max_examples=40)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=5))
def test_a_binary_request_says_where_its_json_ends(texts):
    body, length = wire.binary_request(texts)
    head = json.loads(body[:length])
    (tensor,) = head["inputs"]
    assert tensor["shape"] == [len(texts)]
    assert tensor["parameters"]["binary_data_size"] == len(body) - length
    assert [value.decode() for value in wire.unpack_bytes(body[length:])] == texts


def test_a_mixed_response_is_read():
    import numpy as np

    labels, ids = wire.pack_bytes([b"positive", b"negative"]), ["a", "b"]
    probabilities = np.array([[0.1, 0.9], [0.7, 0.3]], dtype="<f4").tobytes()
    head = json.dumps(
        {
            "outputs": [
                {"name": "label", "datatype": "BYTES", "shape": [2], "parameters": {"binary_data_size": len(labels)}},
                {"name": "confidence", "datatype": "FP32", "shape": [2], "data": [0.9, 0.7]},
                {
                    "name": "probabilities",
                    "datatype": "FP32",
                    "shape": [2, 2],
                    "parameters": {"binary_data_size": len(probabilities)},
                },
                {"name": "prediction_id", "datatype": "BYTES", "shape": [2], "data": ids},
            ]
        }
    ).encode()
    first, second = wire.read_response(head + labels + probabilities, len(head))
    assert (first.label, first.confidence, first.prediction_id) == ("positive", 0.9, "a")
    assert second.label == "negative"
    assert second.probability == pytest.approx(0.3)


def test_a_left_out_output_is_named():
    body = json.dumps(
        {"outputs": [{"name": "label", "datatype": "BYTES", "shape": [1], "data": ["positive"]}]}
    ).encode()
    with pytest.raises(ServerAnswer, match="confidence, probabilities, prediction_id"):
        wire.read_response(body, None)


def test_an_unknown_datatype_is_refused():
    with pytest.raises(ServerAnswer, match="FP16"):
        wire.decode_tensor("FP16", [1], b"\0\0")
