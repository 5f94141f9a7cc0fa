"""Whatever is sent, the answer is the right 4xx or gRPC code and names what is wrong; then the server answers on."""

import json
import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import grpc
import httpx
import pytest
from kit.v2_requests import INFER, LENGTH_HEADER, binary_request, grpc_request, json_request, pack, read_rest, read_rpc

INVALID, MISSING = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
MEGABYTE = "a word " * 150_000


@pytest.fixture(autouse=True)
def alive_and_silent(server, http, stub) -> Iterator[None]:
    """Each bad request leaves a server that answers, on both transports, and no traceback."""
    before = len(server.output)
    yield
    assert http.post("/predict", json={"text": "a film"}).status_code == 200
    assert len(read_rpc(stub.ModelInfer(grpc_request(["a film"])))["label"]) == 1
    assert "Traceback" not in server.output[before:]


def refused(response: httpx.Response, status: int, *parts: str) -> None:
    assert response.status_code == status, response.text
    document = response.json()
    assert list(document) == ["error"] and all(part in document["error"] for part in parts), document
    assert len(document["error"]) < 500  # what was sent is not sent back


def refused_rpc(stub: Any, request: Any, code: grpc.StatusCode, *parts: str) -> None:
    with pytest.raises(grpc.RpcError) as error:
        stub.ModelInfer(request, timeout=60)
    assert error.value.code() is code, error.value
    assert all(part in error.value.details() for part in parts), error.value.details()


def changed(**fields: Any) -> dict[str, Any]:
    """A request whose tensor has other fields; None leaves one out."""
    document = json_request(["a"])
    tensor = {name: value for name, value in (document["inputs"][0] | fields).items() if value is not None}
    return {"inputs": [tensor]}


@pytest.mark.parametrize("text", ["", "   ", "\n\t\u3000"])
def test_empty_texts(http, stub, text):
    refused(http.post(INFER, json=json_request(["a", text])), 400, "text[1]", "empty")
    refused(http.post("/predict", json={"text": text}), 400, "text", "empty")
    refused(http.post("/v1/models/sentiment:predict", json={"instances": [text]}), 400, "empty")
    refused_rpc(stub, grpc_request(["a", text]), INVALID, "text[1]", "empty")
    body, headers = binary_request(["a", text])
    refused(http.post(INFER, content=body, headers=headers), 400, "text[1]", "empty")


def test_no_texts_and_too_many(http, stub):
    refused(http.post(INFER, json=json_request([])), 400, "at least one")
    refused_rpc(stub, grpc_request([]), INVALID, "at least one")
    refused(http.post(INFER, json=json_request(["a"] * 257)), 413, "257 texts", "256")
    refused_rpc(stub, grpc_request(["a"] * 257), INVALID, "257 texts", "256")


def test_a_text_of_a_megabyte_and_a_larger_body(http, stub):
    refused(http.post(INFER, json=json_request([MEGABYTE])), 413, "text[0]", "1050000 bytes", "262144")
    refused(http.post("/predict", json={"text": MEGABYTE}), 413, "text[0]")
    refused_rpc(stub, grpc_request([MEGABYTE]), INVALID, "text[0]", "1050000 bytes")
    refused(http.post(INFER, json=json_request([MEGABYTE, MEGABYTE])), 413, "body", "2000000")
    with pytest.raises(grpc.RpcError) as error:
        stub.ModelInfer(grpc_request([MEGABYTE, MEGABYTE]), timeout=60)
    assert error.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED  # gRPC's own, before our servicer sees it


def test_a_long_text_under_the_limit_is_answered_and_cut(http):
    outputs = read_rest(http.post(INFER, json=json_request([MEGABYTE[:250_000]], ["truncated", "tokens"])))
    assert outputs["truncated"].tolist() == [True] and outputs["tokens"][0] > 64


def test_a_streamed_body_without_a_length_is_measured_too(http):
    def parts() -> Iterator[bytes]:
        for _ in range(40):
            yield b"x" * 100_000

    refused(http.post(INFER, content=parts()), 413, "body", "2000000")


@pytest.mark.parametrize("text", ["🎬👍🏽🇩🇪", "\u0000", "\u202e\ufeff.", "a\u0301" * 500, "好看的电影", "\U0010ffff"])
def test_unusual_text_is_text(http, stub, text):
    one = read_rest(http.post(INFER, json=json_request([text])))
    two = read_rpc(stub.ModelInfer(grpc_request([text], raw=True)))
    assert one["label"].tolist() == two["label"].tolist()


def test_lone_surrogates(http, stub):
    """Valid in JSON as escapes: answered as U+FFFD. Not valid UTF-8: refused where bytes are sent."""
    escaped = json.dumps(json_request(["fine \ud83d film"])).encode()
    assert b"\\ud83d" in escaped
    answer = read_rest(http.post(INFER, content=escaped))
    plain = read_rest(http.post(INFER, json=json_request(["fine \ufffd film"])))
    assert answer["confidence"].tolist() == pytest.approx(plain["confidence"].tolist())
    assert http.post("/predict", content=b'{"text": "fine \\udc00 film"}').status_code == 200
    assert http.post("/v1/models/sentiment:predict", content=b'{"instances": ["\\udc00 a"]}').status_code == 200
    echoed = http.post(INFER, content=json.dumps(json_request(["a"], id="\ud83d")).encode())
    refused(echoed, 400, "id")
    raw = b"fine \xed\xa0\xbd film"
    body, headers = binary_request([raw])
    refused(http.post(INFER, content=body, headers=headers), 400, "inputs[0][0]", "UTF-8", "byte 5")
    refused_rpc(stub, grpc_request([raw]), INVALID, "bytes_contents[0]", "UTF-8")
    refused_rpc(stub, grpc_request([raw], raw=True), INVALID, "raw_input_contents[0][0]", "UTF-8")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "texts"}, "inputs[0].name is 'texts'"),
        ({"name": None}, "inputs[0].name"),
        ({"datatype": "FP32"}, "inputs[0].datatype is 'FP32'"),
        ({"shape": [1, 2]}, "inputs[0].shape is [1, 2]"),
        ({"shape": [1, True]}, "inputs[0].shape is [1, true]"),
        ({"shape": [1, 1, 1]}, "inputs[0].shape is [1, 1, 1]"),
        ({"parameters": {"content_type": "base64"}}, "inputs[0].parameters.content_type is 'base64'"),
        ({"parameters": {"content_type": 7}}, "inputs[0].parameters.content_type is 7"),
        ({"shape": [-1]}, "inputs[0].shape"),
        ({"shape": [2]}, "inputs[0].shape promises 2 texts, data holds 1"),
        ({"data": None}, "inputs[0].data"),
        ({"data": [1]}, "inputs[0].data[0]"),
        ({"parameters": {"binary_data_size": 5}}, "binary_data_size"),
        ({"name": "x" * 100_000}, "inputs[0].name"),
        ({"shape": [1] * 100_000}, "inputs[0].shape"),
    ],
)
def test_wrong_tensors(http, fields, message):
    refused(http.post(INFER, json=changed(**fields)), 400, message)


def test_wrong_tensors_over_grpc(stub):
    for field, value in [("name", "texts"), ("datatype", "FP32"), ("shape", [1, 2]), ("shape", [-1]), ("shape", [2])]:
        request = grpc_request(["a"])
        tensor = request.inputs[0]
        if field == "shape":
            del tensor.shape[:]
            tensor.shape.extend(value)
        else:
            setattr(tensor, field, value)
        refused_rpc(stub, request, INVALID, f"inputs[0].{field}")
    twice = grpc_request(["a"])
    twice.inputs.add(name="text", datatype="BYTES", shape=[1])
    refused_rpc(stub, twice, INVALID, "inputs holds 2 tensors")
    both = grpc_request(["a"])
    both.raw_input_contents.append(pack(["a"]))
    refused_rpc(stub, both, INVALID, "both contents and raw_input_contents")
    two = grpc_request(["a"], raw=True)
    two.raw_input_contents.append(pack(["a"]))
    refused_rpc(stub, two, INVALID, "raw_input_contents holds 2")
    short = grpc_request(["abc"], raw=True)
    short.raw_input_contents[0] = short.raw_input_contents[0][:-1]
    refused_rpc(stub, short, INVALID, "element 0 promises 3 bytes but only 2 are left")


def test_truncated_binary_bodies_and_wrong_header_lengths(http):
    body, headers = binary_request(["a film", "another"])
    length = int(headers[LENGTH_HEADER])
    for end in (length + 1, length + 4, len(body) - 1):
        refused(http.post(INFER, content=body[:end], headers=headers), 400, "binary_data_size")
    refused(http.post(INFER, content=body + b"x", headers=headers), 400, "binary_data_size")
    for wrong in ("-1", "x", str(len(body) + 1), "9" * 5000):
        refused(http.post(INFER, content=body, headers={LENGTH_HEADER: wrong}), 400, LENGTH_HEADER)
    for wrong in (str(length - 1), str(length + 1)):  # "0" announces a raw request
        refused(http.post(INFER, content=body, headers={LENGTH_HEADER: wrong}), 400, "not JSON")
    refused(http.post(INFER, content=body), 400, "not JSON")


@pytest.mark.parametrize("name", ["other", "sentiment2", "..", "%2e%2e%2f", "a" * 3000])
def test_unknown_models(http, stub, name):
    document = json_request(["a"])
    for path in (f"/v2/models/{name}/infer", f"/v2/models/{name}/versions/1/infer", f"/v1/models/{name}:predict"):
        refused(http.post(path, json=document), 404)
    refused_rpc(stub, grpc_request(["a"], model_name=name), MISSING, "'sentiment'")


def test_unknown_versions_and_paths(http, stub):
    refused(http.post("/v2/models/sentiment/versions/7/infer", json=json_request(["a"])), 404, "version '7'")
    refused_rpc(stub, grpc_request(["a"], model_version="7"), MISSING, "version '7'")
    refused(http.get("/nowhere"), 404, "/nowhere")
    refused(http.get(INFER), 405, "GET")
    refused(http.delete("/predict"), 405, "DELETE")


@pytest.mark.parametrize("path", [INFER, "/predict", "/feedback", "/v1/models/sentiment:predict"])
def test_bodies_that_are_not_a_json_object(http, path):
    for body in (b"", b"{", b"\xff\xfe", b"\x00" * 100, b"[" * 50_000, b'{"text": NaN}'):
        refused(http.post(path, content=body), 400, "body is not JSON")
    for body in (b"[]", b'["a"]', b"null", b"7", b'"text"'):
        refused(http.post(path, content=body), 400, "send an object")
    refused(http.post(path, content=b"text=a+film", headers={"Content-Type": "text/plain"}), 400, "not JSON")


def test_unknown_parameters_outputs_and_explanations(http, stub):
    for parameters, message in [
        ({"top_k": 3}, "top_k"),
        ({"truncation": "tail"}, "'tail'"),
        ({"explain": "yes"}, "explain"),
    ]:
        refused(http.post(INFER, json=json_request(["a"], parameters=parameters)), 400, "parameters", message)
        request = grpc_request(["a"])
        name, value = next(iter(parameters.items()))
        field = {bool: "bool_param", int: "int64_param", str: "string_param"}[type(value)]
        setattr(request.parameters[name], field, value)
        refused_rpc(stub, request, INVALID, message)
    for name in ("logits", "explain"):
        refused(http.post(INFER, json=json_request(["a"], [name])), 400, "outputs[0].name", name)
        refused_rpc(stub, grpc_request(["a"], [name]), INVALID, "outputs[0].name", name)
    refused_rpc(stub, grpc_request(["a"], ["label", "label"]), INVALID, "repeated")


def test_truncation_as_an_error(http):
    long = "film " * 200
    refused(http.post(INFER, json=json_request([long], parameters={"truncation": "error"})), 400, "text[0]", "64")
    refused(http.post("/predict", json={"text": long, "truncation": "error"}), 400, "text[0]", "64")
    refused(http.post(INFER, json=json_request([long * 20], parameters={"truncation": "window"})), 413, "windows")
    for way in ("head", "head_tail", "window"):
        answer = http.post("/predict", json={"text": long, "truncation": way}).json()
        assert answer["truncated"] == (way != "window")


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "text"),
        ({"text": 7}, "text"),
        ({"text": None}, "text"),
        ({"text": ["a"]}, "text"),
        ({"txt": "a"}, "txt is unknown"),
        ({"text": "a", "truncation": "tail"}, "truncation"),
        ({"text": "a", "return_probabilities": "yes"}, "return_probabilities"),
    ],
)
def test_bad_fields_of_predict(http, document, message):
    refused(http.post("/predict", json=document), 400, message)


def test_bad_v1_instances(http):
    for document, message in [
        ({}, "instances"),
        ({"instances": "a"}, "instances"),
        ({"instances": [7]}, "instances[0]"),
        ({"instances": ["a", {"txt": "a"}]}, "instances[1]"),
        ({"instances": []}, "at least one"),
        ({"inputs": ["a"]}, "inputs is unknown"),
    ]:
        refused(http.post("/v1/models/sentiment:predict", json=document), 400, message)


def test_broken_http(server):
    for raw in (
        b"GARBAGE\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{",
        b"\x16\x03\x01\x00",
    ):
        with closing(socket.create_connection(("127.0.0.1", server.http_port))) as wire:
            wire.sendall(raw)
            wire.shutdown(socket.SHUT_WR)
            wire.settimeout(20)
            answer = wire.recv(4096)
            assert answer == b"" or answer.startswith(b"HTTP/1.1 4"), raw[:80]
