"""Requests of MLServer's client codecs, and raw binary requests as Triton accepts them; REST and gRPC alike."""

import json
import struct
from typing import Any

import pytest
from kit.v2_requests import INFER, LENGTH_HEADER, grpc_request, json_request, pack, read_rest
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb

from model_server.errors import InvalidInput
from model_server.protocol.v2 import parse_request

TEXTS = ["A warm, funny film.", "Two dull hours."]
# `StringCodec.encode_input("text", TEXTS)` in an InferenceRequest of mlserver 1.7.1, as its JSON goes out.
MLSERVER = {
    "parameters": {"content_type": "str"},
    "inputs": [
        {"name": "text", "shape": [2, 1], "datatype": "BYTES", "parameters": {"content_type": "str"}, "data": TEXTS}
    ],
}


def test_mlservers_request_is_answered_as_any_other(http):
    answer, plain = (http.post(INFER, json=body) for body in (MLSERVER, json_request(TEXTS)))
    assert answer.status_code == 200, answer.text
    shapes = {output["name"]: output["shape"] for output in answer.json()["outputs"]}
    assert shapes == {"label": [2], "confidence": [2], "probabilities": [2, 2]}  # as the metadata says, not [n, 1]
    found, expected = read_rest(answer), read_rest(plain)
    assert found["label"].tolist() == expected["label"].tolist()
    assert found["probabilities"].ravel() == pytest.approx(expected["probabilities"].ravel(), abs=0.01)


def mlserver_message(content_type: str = "str", shape: tuple[int, ...] = (2, 1), *, raw: bool) -> Any:
    """As `ModelInferRequestConverter.from_types` of mlserver 1.7.1 makes it, with and without `use_raw`."""
    request = pb.ModelInferRequest(model_name="sentiment")
    tensor = request.inputs.add(name="text", datatype="BYTES", shape=shape)
    tensor.parameters["content_type"].string_param = content_type
    request.parameters["content_type"].string_param = content_type
    if raw:
        request.raw_input_contents.append(pack(TEXTS))
    else:
        tensor.contents.bytes_contents.extend(text.encode() for text in TEXTS)
    return request


@pytest.mark.parametrize("raw", [False, True])
def test_mlservers_message_is_answered_as_any_other(stub, raw):
    answer, plain = stub.ModelInfer(mlserver_message(raw=raw)), stub.ModelInfer(grpc_request(TEXTS))
    assert [list(output.shape) for output in answer.outputs] == [[2], [2], [2, 2]]
    assert answer.raw_output_contents[0] == plain.raw_output_contents[0]


@pytest.mark.parametrize("place", ["request", "input"])
def test_a_codec_that_changes_texts_is_refused_by_name(http, stub, place):
    import grpc

    body = json.loads(json.dumps(MLSERVER))
    (body if place == "request" else body["inputs"][0])["parameters"]["content_type"] = "base64"
    answer = http.post(INFER, json=body)
    where = "parameters" if place == "request" else "inputs[0].parameters"
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(f"{where}.content_type is 'base64'; send plain texts")
    with pytest.raises(grpc.RpcError) as refused:
        stub.ModelInfer(mlserver_message("base64", raw=False))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT and "content_type" in refused.value.details()


@pytest.mark.parametrize("content_type", ["str", "np", "pd", "hf", "raw"])
@pytest.mark.parametrize("shape", [[2], [2, 1]])
def test_shapes_and_codecs_of_plain_texts(content_type, shape):
    parameters = {"content_type": content_type}
    tensor = {"name": "text", "datatype": "BYTES", "shape": shape, "data": TEXTS, "parameters": parameters}
    assert parse_request(json.dumps({"inputs": [tensor], "parameters": parameters}).encode(), None).texts == TEXTS


@pytest.mark.parametrize("shape", [[1, 2], [2, 1, 1], [2, 0], [2, True], [True, 1], [[2], 1], [-1, 1]])
def test_no_other_shape_is_taken(shape):
    tensor = {"name": "text", "datatype": "BYTES", "shape": shape, "data": TEXTS}
    with pytest.raises(InvalidInput, match=r"inputs\[0\].shape is .* has the shape \[n\], or MLServer's \[n, 1\]"):
        parse_request(json.dumps({"inputs": [tensor]}).encode(), None)


def test_a_raw_request_is_one_text_and_its_answer_is_binary(http):
    text = "Fünf Sterne, a warm and funny film"
    headers = {LENGTH_HEADER: "0", "Content-Type": "application/octet-stream"}
    answer = http.post(INFER, content=text.encode(), headers=headers)
    assert answer.status_code == 200, answer.text
    head = json.loads(answer.content[: int(answer.headers[LENGTH_HEADER])])
    assert all("data" not in output and "binary_data_size" in output["parameters"] for output in head["outputs"])
    found, expected = read_rest(answer), read_rest(http.post(INFER, json=json_request([text])))
    assert found["label"].tolist() == expected["label"].tolist()
    assert found["probabilities"].ravel() == pytest.approx(expected["probabilities"].ravel(), abs=0.01)
    label_size = head["outputs"][0]["parameters"]["binary_data_size"]
    label = answer.content[int(answer.headers[LENGTH_HEADER]) :][:label_size]
    assert struct.unpack_from("<I", label)[0] == len(label) - 4  # answers keep the length, only the request has none


@pytest.mark.parametrize(
    ("body", "message"), [(b"", "empty"), (b"  ", "empty"), (b"fine \xff film", "the body is not UTF-8: ")]
)
def test_a_raw_request_without_a_text_is_refused(http, body, message):
    answer = http.post(INFER, content=body, headers={LENGTH_HEADER: "0"})
    assert answer.status_code == 400 and message in answer.json()["error"]


def test_an_empty_body_without_the_header_is_no_raw_request(http):
    assert "not JSON" in http.post(INFER, content=b"").json()["error"]
