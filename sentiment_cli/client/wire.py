"""V2 (Open Inference Protocol) messages of the model `sentiment`, as a client writes and reads them.

Pure: bytes and plain data in and out. In binary form, each element of a BYTES tensor is a little-endian uint32 length
followed by the bytes (the protocol's binary tensor data extension).
"""

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sentiment_cli.errors import ServerAnswer

LENGTH_HEADER = "Inference-Header-Content-Length"
OUTPUTS = ("label", "confidence", "probabilities", "prediction_id")
_LENGTH = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one text: label, its confidence, calibrated P(positive), and the prediction's id in the log."""

    label: str
    confidence: float
    probability: float
    prediction_id: str | None = None


def pack_bytes(values: Sequence[bytes]) -> bytes:
    """Encode a BYTES tensor in binary form."""
    return b"".join(_LENGTH.pack(len(value)) + value for value in values)


def unpack_bytes(raw: bytes) -> list[bytes]:
    """Decode the elements of a BYTES tensor in binary form.

    Raises:
        ServerAnswer: the tensor is truncated.
    """
    values, position = [], 0
    while position < len(raw):
        start = position + _LENGTH.size
        if start > len(raw):
            raise ServerAnswer("the server's binary answer ends inside an element's length")
        (length,) = _LENGTH.unpack_from(raw, position)
        position = start + length
        if position > len(raw):
            raise ServerAnswer("the server's binary answer ends inside an element")
        values.append(raw[start:position])
    return values


def json_request(texts: Sequence[str]) -> bytes:
    """Build the body of `POST /v2/models/NAME/infer` with the texts in JSON."""
    tensor = {"name": "text", "datatype": "BYTES", "shape": [len(texts)], "data": list(texts)}
    body = {"inputs": [tensor], "outputs": [{"name": name} for name in OUTPUTS]}
    return json.dumps(body).encode()


def binary_request(texts: Sequence[str]) -> tuple[bytes, int]:
    """Build a body with binary tensors that asks for binary answers; return it and the length of its JSON part."""
    tensor = pack_bytes([text.encode() for text in texts])
    header = json.dumps(
        {
            "inputs": [
                {
                    "name": "text",
                    "datatype": "BYTES",
                    "shape": [len(texts)],
                    "parameters": {"binary_data_size": len(tensor)},
                }
            ],
            "outputs": [{"name": name, "parameters": {"binary_data": True}} for name in OUTPUTS],
        }
    ).encode()
    return header + tensor, len(header)


def read_response(body: bytes, header_length: int | None) -> list[Answer]:
    """Read the answers of a V2 response whose JSON part has `header_length` bytes (the whole body when None)."""
    head = json.loads(body[:header_length])
    raw, outputs = body[header_length:] if header_length is not None else b"", {}
    position = 0
    for output in head["outputs"]:
        size = output.get("parameters", {}).get("binary_data_size")
        if size is None:
            outputs[output["name"]] = np.array(output["data"]).reshape(output["shape"])
        else:
            outputs[output["name"]] = decode_tensor(
                output["datatype"], output["shape"], raw[position : position + size]
            )
            position += size
    return answers(outputs)


def decode_tensor(datatype: str, shape: Sequence[int], raw: bytes) -> np.ndarray[Any, Any]:
    """Decode a raw tensor of datatype BYTES or FP32 into strings or floats of `shape`."""
    if datatype == "BYTES":
        flat = np.array([value.decode() for value in unpack_bytes(raw)], dtype=object)
    elif datatype == "FP32":
        flat = np.frombuffer(raw, dtype="<f4")
    else:
        raise ServerAnswer(f"the server answered with datatype {datatype!r}; this client reads BYTES and FP32")
    return flat.reshape(tuple(shape))


def answers(outputs: Mapping[str, np.ndarray[Any, Any]]) -> list[Answer]:
    """Turn outputs by name into one Answer per text.

    Raises:
        ServerAnswer: an output is missing.
    """
    missing = [name for name in OUTPUTS if name not in outputs]
    if missing:
        raise ServerAnswer(f"the server left out the outputs {', '.join(missing)}")
    return [
        Answer(str(label), float(confidence), float(probabilities[1]), str(prediction_id))
        for label, confidence, probabilities, prediction_id in zip(*(outputs[name] for name in OUTPUTS), strict=True)
    ]
