"""BYTES tensors in binary form, and the model's tensors."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_server.errors import InvalidInput
from model_server.inference.data_plane import Prediction
from model_server.protocol.tensors import (
    DEFAULT_OUTPUTS,
    OUTPUTS,
    check_input,
    check_outputs,
    make_output,
    pack_bytes,
    unpack_texts,
)

texts = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), max_size=8)


def packed(values: list[str]) -> bytes:
    return pack_bytes([value.encode() for value in values])


@given(texts)
def test_bytes_come_back_as_they_were(values):
    assert unpack_texts(packed(values), len(values)) == values


@given(texts.filter(bool))
def test_the_form_is_that_of_tritonclient(values):
    """tritonclient: `<I` length before each element, row-major, nothing between."""
    raw, position = packed(values), 0
    for value in values:
        size = int.from_bytes(raw[position : position + 4], "little")
        assert raw[position + 4 : position + 4 + size] == value.encode()
        position += 4 + size
    assert position == len(raw)


@given(texts.filter(bool))
def test_truncation_at_every_offset_is_invalid_input(values):
    raw = packed(values)
    for end in range(len(raw)):
        with pytest.raises(InvalidInput, match="text"):
            unpack_texts(raw[:end], len(values))


@given(st.binary(max_size=64), st.integers(0, 5))
def test_random_bytes_are_texts_or_invalid_input(raw, count):
    try:
        values = unpack_texts(raw, count)
    except InvalidInput:
        return
    assert packed(values) == raw and len(values) == count


@pytest.mark.parametrize(
    ("raw", "count", "message"),
    [
        (b"\x01\x00\x00", 1, "ends inside the length of element 0"),
        (b"\x05\x00\x00\x00abc", 1, "element 0 promises 5 bytes but only 3 are left"),
        (b"\xff\xff\xff\xffabc", 1, "promises 4294967295 bytes"),
        (b"\x01\x00\x00\x00ab", 1, "1 bytes are left after the 1 elements"),
        (b"\x01\x00\x00\x00a", 2, "promises 2 elements, the binary data holds 1"),
        (b"\x03\x00\x00\x00\xed\xa0\x80", 1, r"text\[0\] is not UTF-8: .* at byte 0"),  # a lone surrogate, encoded
        (b"", 1, "holds 0"),
    ],
)
def test_an_error_is_named(raw, count, message):
    with pytest.raises(InvalidInput, match=message):
        unpack_texts(raw, count)


@pytest.mark.parametrize(
    ("name", "datatype", "shape", "field"),
    [
        ("texts", "BYTES", [1], "name"),
        (None, "BYTES", [1], "name"),
        ("text", "FP32", [1], "datatype"),
        ("text", None, [1], "datatype"),
        ("text", "BYTES", [1, 2], "shape"),
        ("text", "BYTES", [], "shape"),
        ("text", "BYTES", [-1], "shape"),
        ("text", "BYTES", [True], "shape"),
        ("text", "BYTES", [1.0], "shape"),
        ("text", "BYTES", "1", "shape"),
        ("text", "BYTES", None, "shape"),
    ],
)
def test_an_input_that_is_not_the_models_is_refused_by_field(name, datatype, shape, field):
    with pytest.raises(InvalidInput, match=rf"inputs\[0\]\.{field} "):
        check_input(name, datatype, shape)


def test_requested_outputs_are_checked():
    assert check_outputs([]) == DEFAULT_OUTPUTS
    assert check_outputs(["tokens", "label"]) == ("tokens", "label")
    for names, message in [
        (["score"], "'score'"),
        (["label", "label"], "repeated"),
        ([None], "null"),
        ([["label"]], "label"),
    ]:
        with pytest.raises(InvalidInput, match=message):
            check_outputs(names)
    assert check_outputs(["attributions"]) == ("attributions",)


def test_outputs_hold_what_their_head_says():
    rows = [
        Prediction("id-1", "positive", 0.75, 0.75, 12, False, {"exact": True}),
        Prediction("id-2", "negative", 0.9, 0.1, 99, True, {"exact": False, "tokens": ["ä"]}),
    ]
    made = {name: make_output(name, rows) for name in OUTPUTS}
    assert made["probabilities"].shape == [2, 2]
    assert np.allclose(made["probabilities"].values, [0.25, 0.75, 0.9, 0.1])
    assert np.allclose(np.frombuffer(made["probabilities"].binary(), "<f4"), [0.25, 0.75, 0.9, 0.1])
    assert unpack_texts(made["prediction_id"].binary(), 2) == made["prediction_id"].values == ["id-1", "id-2"]
    assert np.frombuffer(made["tokens"].binary(), "<i4").tolist() == [12, 99]
    assert [json.loads(one) for one in made["attributions"].values] == [row.attributions for row in rows]
    assert made["truncated"].binary() == b"\x00\x01"
    for name, output in made.items():
        assert (output.name, output.datatype) == (name, OUTPUTS[name][0])
        assert len(output.values) == np.prod(output.shape)
