"""V2 requests and answers as a client writes and reads them, independent of the server's own codec."""

import json
import struct
from collections.abc import Sequence
from typing import Any

import httpx
import numpy as np
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb

INFER = "/v2/models/sentiment/infer"
LENGTH_HEADER = "Inference-Header-Content-Length"
_DTYPES = {"FP32": "<f4", "INT32": "<i4", "BOOL": "?"}


def pack(texts: Sequence[str | bytes]) -> bytes:
    """Encode a BYTES tensor in binary form."""
    raw = [text.encode() if isinstance(text, str) else text for text in texts]
    return b"".join(struct.pack("<I", len(value)) + value for value in raw)


def json_request(texts: Sequence[str], outputs: Sequence[str] = (), **other: Any) -> dict[str, Any]:
    tensor = {"name": "text", "datatype": "BYTES", "shape": [len(texts)], "data": list(texts)}
    return {"inputs": [tensor], **({"outputs": [{"name": name} for name in outputs]} if outputs else {}), **other}


def binary_request(
    texts: Sequence[str | bytes], outputs: Sequence[str] = (), **other: Any
) -> tuple[bytes, dict[str, str]]:
    """Build body and headers of a request with texts and answers in binary form."""
    raw = pack(texts)
    parameters = {"binary_data_size": len(raw)}
    tensor = {"name": "text", "datatype": "BYTES", "shape": [len(texts)], "parameters": parameters}
    wanted = [{"name": name, "parameters": {"binary_data": True}} for name in outputs]
    document = {"inputs": [tensor], "parameters": {"binary_data_output": True}, **other}
    head = json.dumps(document | ({"outputs": wanted} if wanted else {})).encode()
    return head + raw, {LENGTH_HEADER: str(len(head))}


def grpc_request(
    texts: Sequence[str | bytes], outputs: Sequence[str] = (), *, raw: bool = False, **other: Any
) -> pb.ModelInferRequest:
    """Build a request with typed contents, or raw contents as tritonclient sends them."""
    request = pb.ModelInferRequest(**{"model_name": "sentiment", **other})
    tensor = request.inputs.add(name="text", datatype="BYTES", shape=[len(texts)])
    if raw:
        request.raw_input_contents.append(pack(texts))
    else:
        tensor.contents.bytes_contents.extend(text.encode() if isinstance(text, str) else text for text in texts)
    for name in outputs:
        request.outputs.add(name=name)
    return request


def _values(datatype: str, shape: Sequence[int], raw: bytes) -> Any:
    if datatype != "BYTES":
        return np.frombuffer(raw, _DTYPES[datatype]).reshape(shape)
    words, position = [], 0
    while position < len(raw):
        (size,) = struct.unpack_from("<I", raw, position)
        words.append(raw[position + 4 : position + 4 + size].decode())
        position += 4 + size
    return np.array(words, dtype=object).reshape(shape)


def read_rest(response: httpx.Response) -> dict[str, np.ndarray]:
    """Return a REST answer's outputs by name, in order."""
    assert response.status_code == 200, response.text
    length = response.headers.get(LENGTH_HEADER)
    size = int(length) if length else len(response.content)
    head, rest = json.loads(response.content[:size]), response.content[size:]
    outputs = {}
    for output in head["outputs"]:
        if "data" in output:
            outputs[output["name"]] = np.array(output["data"]).reshape(output["shape"])
            continue
        count = output["parameters"]["binary_data_size"]
        outputs[output["name"]] = _values(output["datatype"], output["shape"], rest[:count])
        rest = rest[count:]
    assert rest == b""
    return outputs


def read_rpc(response: pb.ModelInferResponse) -> dict[str, np.ndarray]:
    """Return a gRPC answer's outputs by name, in order."""
    pairs = zip(response.outputs, response.raw_output_contents, strict=True)
    return {output.name: _values(output.datatype, list(output.shape), raw) for output, raw in pairs}
