"""Bodies of V2 REST: what a client wrote is what is read, and nothing but our errors comes out of a bad one."""

import contextlib
import json
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_server.errors import InvalidInput, ServingError
from model_server.inference.data_plane import Prediction
from model_server.inference.types import TRUNCATIONS
from model_server.protocol.tensors import OUTPUTS, pack_bytes, unpack_texts
from model_server.protocol.v2 import load_json, parse_request, write_response

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
some_texts = st.lists(words, min_size=1, max_size=5)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def json_body(texts: list[str], **other: Any) -> bytes:
    tensor = {"name": "text", "datatype": "BYTES", "shape": [len(texts)], "data": texts}
    return json.dumps({"inputs": [tensor], **other}).encode()


def binary_body(texts: list[str], **other: Any) -> tuple[bytes, str]:
    raw = pack_bytes([text.encode() for text in texts])
    parameters = {"binary_data_size": len(raw)}
    tensor = {"name": "text", "datatype": "BYTES", "shape": [len(texts)], "parameters": parameters}
    head = json.dumps({"inputs": [tensor], **other}).encode()
    return head + raw, str(len(head))


@given(some_texts, st.none() | words, st.sampled_from([None, *TRUNCATIONS]))
def test_json_and_binary_requests_say_the_same(texts, request_id, truncation):
    other: dict[str, Any] = {} if request_id is None else {"id": request_id}
    if truncation:
        other["parameters"] = {"truncation": truncation}
    from_json = parse_request(json_body(texts, **other), None)
    from_binary = parse_request(*binary_body(texts, **other))
    assert from_json == from_binary
    assert (from_json.texts, from_json.id, from_json.options.truncation) == (texts, request_id, truncation)


@given(some_texts)
def test_a_truncated_binary_body_is_invalid_input_at_every_offset(texts):
    body, length = binary_body(texts)
    for end in range(len(body)):
        with pytest.raises(InvalidInput):
            parse_request(body[:end], length)


@given(some_texts, st.text(max_size=6) | st.integers(-5, 400).map(str))
def test_a_wrong_header_length_is_never_a_crash(texts, length):
    body, right = binary_body(texts)
    if length != right:
        with contextlib.suppress(InvalidInput):
            found = parse_request(body, length).texts
            # 0010 is 10; and 0 announces a raw request, whose text is the whole body.
            assert found == texts or (not length.strip("0") and found == [body.decode()])


@given(st.binary(max_size=200), st.none() | st.text(max_size=4))
def test_random_bytes_give_our_errors_only(body, length):
    with pytest.raises(ServingError):
        parse_request(body, length if length is None or length.strip("0") else "x")


@given(st.binary(max_size=200))
def test_a_raw_request_is_its_text_or_refused(body):
    try:
        text = body.decode()
    except UnicodeDecodeError:
        with pytest.raises(InvalidInput, match="the body is not UTF-8"):
            parse_request(body, "0")
    else:
        assert parse_request(body, "0").texts == [text]


@given(json_values)
def test_random_json_gives_our_errors_only(document):
    with pytest.raises(ServingError):
        parse_request(json.dumps(document).encode(), None)


FIELDS = ("name", "datatype", "shape", "data", "parameters")


@given(st.sampled_from(FIELDS), json_values)
def test_random_values_of_a_tensors_fields_give_our_errors_only(field, value):
    tensor: dict[str, Any] = {"name": "text", "datatype": "BYTES", "shape": [1], "data": ["a"], field: value}
    try:
        parse_request(json.dumps({"inputs": [tensor]}).encode(), None)
    except ServingError as error:
        assert str(error)


@given(st.sampled_from(("id", "outputs", "parameters")), json_values)
def test_random_values_of_a_requests_fields_give_our_errors_only(field, value):
    try:
        parse_request(json_body(["a"], **{field: value}), None)
    except ServingError as error:
        assert field in str(error)


@given(json_values, json_values)
def test_random_outputs_give_our_errors_only(name, parameters):
    try:
        parse_request(json_body(["a"], outputs=[{"name": name, "parameters": parameters}]), None)
    except ServingError as error:
        assert "outputs[0]" in str(error)


@pytest.mark.parametrize("raw", [b"[" * 100_000, b'{"a":' * 100_000, b'{"\\ud800":' * 50_000, b'["\\ud800",' * 100_000])
def test_deep_nesting_is_refused(raw):
    with pytest.raises(InvalidInput, match="not JSON"):
        load_json(raw)


def test_huge_numbers_are_refused_or_read():
    with pytest.raises(InvalidInput):
        parse_request(b'{"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1e400], "data": ["a"]}]}', None)
    with pytest.raises(InvalidInput):
        parse_request(b'{"a": "\\ud800", "inputs": ' + b"9" * 10_000 + b"}", None)


def test_lone_surrogates_of_json_escapes_are_read():
    assert load_json(b'{"text": "\\ud83d ok \\uDE00"}')["text"] == "\ud83d ok \ude00"
    assert load_json(b'{"text": "\\ud83d\\ude00"}')["text"] == "\U0001f600"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "body is not JSON"),
        (b"[]", "body is an array; send an object"),
        (b"{}", "inputs must be a list"),
        (json_body(["a"]).replace(b'"inputs": [', b'"inputs": [{},'), "inputs must be a list with the one tensor"),
        (json_body(["a"]).replace(b'["a"]', b'"a"'), "data must be a list of strings"),
        (json_body(["a"]).replace(b'["a"]', b'["a", "b"]'), "shape promises 1 texts, data holds 2"),
        (json_body(["a"]).replace(b'["a"]', b"[7]"), r"data\[0\] is a number; BYTES"),
        (json_body(["a"]) + b"  extra", "not JSON"),
        (json_body(["a"], id=7), "id is a number; send a string"),
        (b"null", "body is null; send an object"),
        (b"true", "body is a boolean; send"),
        (b'"a"', "body is a string; send"),
        (json_body(["a"]).replace(b'["a"]', b"[null]"), r"data\[0\] is null; BYTES"),
        (json_body(["a"]).replace(b'["a"]', b"[{}]"), r"data\[0\] is an object; BYTES"),
        (json_body(["a"]).replace(b'"BYTES"', b"null"), r"datatype is null; 'text' is of datatype BYTES"),
        (json_body(["a"]).replace(b"[1]", b"[true]"), r"shape is \[true\]; 'text'"),
        (json_body(["a"], parameters="explain"), "parameters is a string; send an object"),
        (json_body(["a"], parameters={"truncation": False}), "truncation is false; choose one"),
        (json_body(["a"], parameters={"explain": None}), "explain is null; send true or false"),
        (json_body(["a"], parameters={"explain": 1}), "parameters.explain is 1; send true or false"),
        (json_body(["a"], parameters={"top_k": 3}), "parameters.top_k is unknown; there is: truncation"),
        (json_body(["a"], parameters={"truncation": "tail"}), "'tail'; choose one of head, head_tail"),
        (json_body(["a"], outputs=[{"name": "logits"}]), r"outputs\[0\].name is 'logits'; the model has label"),
        (json_body(["a"], outputs=[{}]), r"outputs\[0\].name is null"),
        (json_body(["a"], outputs=[{"name": "label", "parameters": {"classification": 2}}]), "'label' holds no scores"),
        (json_body(["a"], outputs=[{"name": "probabilities", "parameters": {"classification": 0}}]), "is 0; send how"),
        (
            json_body(["a"], outputs=[{"name": "label", "parameters": {"binary_data": 1}}]),
            "binary_data is 1; send true",
        ),
        (json_body(["a"], outputs=[{"name": "label", "parameters": {"shared_memory_region": "x"}}]), "shared_memory"),
        (json_body(["a"], parameters={"binary_data_output": "yes"}), "parameters.binary_data_output is 'yes'"),
        (json_body(["a"], outputs="label"), "outputs must be a list"),
    ],
)
def test_an_error_is_named(body, message):
    with pytest.raises(InvalidInput, match=message):
        parse_request(body, None)


def test_one_input_cannot_have_data_twice_or_in_the_wrong_place():
    body, length = binary_body(["a"])
    twice = body.replace(b'"parameters"', b'"data": ["a"], "parameters"')
    with pytest.raises(InvalidInput, match="both data and binary_data_size"):
        parse_request(twice, str(int(length) + len(twice) - len(body)))
    plain = json_body(["a"])
    with pytest.raises(InvalidInput, match="4 bytes follow the JSON but no input has binary_data_size"):
        parse_request(plain + b"abcd", str(len(plain)))


ROWS = [
    Prediction("id-1", "positive", 0.75, 0.75, 12, False, {"exact": True, "tokens": []}),
    Prediction("id-2", "negative", 0.9, 0.1, 99, True, {"exact": False, "tokens": [{"token": "ä"}]}),
]
DTYPES = {"FP32": "<f4", "INT32": "<i4", "BOOL": "?"}


def read_response(raw: bytes, length: int | None) -> dict[str, list[Any]]:
    """The values of a response's outputs, as a client reads them."""
    head, rest = orjson.loads(raw[:length]), raw[length:] if length is not None else b""
    values: dict[str, list[Any]] = {}
    for output in head["outputs"]:
        if "data" in output:
            values[output["name"]] = output["data"]
            continue
        size = output["parameters"]["binary_data_size"]
        part, rest = rest[:size], rest[size:]
        if output["datatype"] == "BYTES":
            values[output["name"]] = unpack_texts(part, output["shape"][0])
        else:
            values[output["name"]] = np.frombuffer(part, DTYPES[output["datatype"]]).tolist()
    assert rest == b""
    return values


@given(st.lists(st.sampled_from(sorted(OUTPUTS)), unique=True, min_size=1), st.data())
def test_outputs_come_in_the_order_and_form_asked_for(names, data):
    binary = data.draw(st.sets(st.sampled_from(names)))
    asked = [{"name": name, "parameters": {"binary_data": name in binary}} for name in names]
    raw, length = write_response(parse_request(json_body(["a", "b"], outputs=asked), None), ROWS, "sentiment", "v")
    assert (length is None) == (not binary)
    values = read_response(raw, length)
    assert list(values) == names
    everything, _ = write_response(
        parse_request(json_body(["a", "b"], outputs=[{"name": name} for name in names]), None), ROWS, "sentiment", "v"
    )
    for name, plain in read_response(everything, None).items():
        if OUTPUTS[name][0] == "FP32":
            assert np.allclose(values[name], plain, atol=1e-6)
        else:
            assert values[name] == plain


def test_binary_for_all_outputs_can_be_taken_back_for_one():
    everything = parse_request(json_body(["a"], parameters={"binary_data_output": True}), None)
    assert everything.binary == {"label", "confidence", "probabilities"}
    outputs = [{"name": "label", "parameters": {"binary_data": False}}, {"name": "tokens"}]
    asked = parse_request(json_body(["a"], parameters={"binary_data_output": True}, outputs=outputs), None)
    assert (asked.outputs, asked.binary) == (("label", "tokens"), {"tokens"})


def test_an_explanation_is_requested_by_the_parameter_or_by_its_output():
    assert not parse_request(json_body(["a"]), None).options.explain
    for value in (True, "true"):
        asked = parse_request(json_body(["a"], parameters={"explain": value}), None)
        assert asked.options.explain and asked.outputs == ("label", "confidence", "probabilities", "attributions")
    named = parse_request(json_body(["a"], outputs=[{"name": "attributions"}, {"name": "label"}]), None)
    assert named.options.explain and named.outputs == ("attributions", "label")
    both = parse_request(json_body(["a"], outputs=[{"name": "label"}], parameters={"explain": True}), None)
    assert both.outputs == ("label", "attributions") and both.binary == frozenset()
    binary = {"explain": True, "binary_data_output": True}
    assert "attributions" in parse_request(json_body(["a"], parameters=binary), None).binary
    for value in (False, "false"):
        assert not parse_request(json_body(["a"], parameters={"explain": value}), None).options.explain


def test_the_id_is_echoed_only_where_one_was_sent():
    for other in ({}, {"id": "a-1"}, {"id": ""}):
        head = orjson.loads(write_response(parse_request(json_body(["a"], **other), None), ROWS, "m", "v")[0])
        assert {key: head[key] for key in head if key == "id"} == other
        assert (head["model_name"], head["model_version"]) == ("m", "v")
