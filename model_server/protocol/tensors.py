"""Tensors of the Open Inference Protocol: BYTES in JSON and in binary form, and the outputs of model `sentiment`.

Binary BYTES elements are a little-endian uint32 length and then the bytes (binary tensor data extension).
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import orjson

from model_server.errors import InvalidInput
from model_server.inference.types import Options, Prediction
from sentiment_common.json_terms import json_text

_LENGTH = struct.Struct("<I")
ATTRIBUTIONS = "attributions"
INPUT = {"name": "text", "datatype": "BYTES", "shape": [-1]}
OUTPUTS: dict[str, tuple[str, list[int]]] = {
    "label": ("BYTES", [-1]),
    "confidence": ("FP32", [-1]),
    "probabilities": ("FP32", [-1, 2]),
    "prediction_id": ("BYTES", [-1]),
    "tokens": ("INT32", [-1]),
    "truncated": ("BOOL", [-1]),
    ATTRIBUTIONS: ("BYTES", [-1]),
}
DEFAULT_OUTPUTS = ("label", "confidence", "probabilities")
_DTYPES = {"FP32": "<f4", "INT32": "<i4", "BOOL": "?"}


@dataclass(frozen=True, slots=True)
class Output:
    """An output tensor; `values` is flat, row-major, of strings for BYTES."""

    name: str
    datatype: str
    shape: list[int]
    values: list[Any]

    def binary(self) -> bytes:
        """Return the tensor's raw bytes."""
        if self.datatype == "BYTES":
            return pack_bytes([value.encode() for value in self.values])
        return np.array(self.values, dtype=_DTYPES[self.datatype]).tobytes()


def pack_bytes(values: Sequence[bytes]) -> bytes:
    """Encode a BYTES tensor in binary form."""
    return b"".join(_LENGTH.pack(len(value)) + value for value in values)


def unpack_texts(raw: bytes, count: int, field: str = "text") -> list[str]:
    """Decode the `count` UTF-8 strings of a BYTES tensor in binary form.

    Raises:
        InvalidInput: the data ends too soon or holds more than `count` elements, or an element is not UTF-8.
    """
    texts: list[str] = []
    position = 0
    while position < len(raw):
        if len(texts) == count:
            rest = len(raw) - position
            raise InvalidInput(f"{field}: {rest} bytes are left after the {count} elements that its shape promises")
        start = position + _LENGTH.size
        if start > len(raw):
            raise InvalidInput(f"{field}: the binary data ends inside the length of element {len(texts)}")
        (length,) = _LENGTH.unpack_from(raw, position)
        position = start + length
        if position > len(raw):
            left = len(raw) - start
            raise InvalidInput(f"{field}: element {len(texts)} promises {length} bytes but only {left} are left")
        texts.append(decode_text(raw[start:position], f"{field}[{len(texts)}]"))
    if len(texts) != count:
        raise InvalidInput(f"{field}: the shape promises {count} elements, the binary data holds {len(texts)}")
    return texts


def decode_text(raw: bytes, field: str) -> str:
    """Decode UTF-8 bytes; raise InvalidInput that names the field and the place of the first wrong byte."""
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{field} is not UTF-8: {error.reason} at byte {error.start}") from None


def check_input(name: object, datatype: object, shape: object, field: str = "inputs[0]") -> int:
    """Return the number of texts that an input's head promises.

    Raises:
        InvalidInput: the name, the datatype or the shape is not that of the model's only input.
    """
    if name != INPUT["name"]:
        raise InvalidInput(f"{field}.name is {json_text(name)}; the model's only input is 'text'")
    if datatype != INPUT["datatype"]:
        raise InvalidInput(f"{field}.datatype is {json_text(datatype)}; 'text' is of datatype BYTES")
    match shape:
        case [int() as count] | [int() as count, 1] if count >= 0 and not any(isinstance(size, bool) for size in shape):
            return count
    raise InvalidInput(
        f"{field}.shape is {json_text(shape)}; 'text' has the shape [n], or MLServer's [n, 1], for n texts"
    )


def check_outputs(names: Sequence[object]) -> tuple[str, ...]:
    """Return the requested outputs, by default the usual ones; raise InvalidInput for an unknown or repeated name."""
    for index, name in enumerate(names):
        if not isinstance(name, str) or name not in OUTPUTS:
            raise InvalidInput(f"outputs[{index}].name is {json_text(name)}; the model has {', '.join(OUTPUTS)}")
        if name in names[:index]:
            raise InvalidInput(f"outputs[{index}].name {name!r} is repeated; name each output once")
    return tuple(str(name) for name in names) or DEFAULT_OUTPUTS


def output_types() -> list[dict[str, Any]]:
    """Return name, datatype and shape of every output, as model metadata list them."""
    return [{"name": name, "datatype": datatype, "shape": shape} for name, (datatype, shape) in OUTPUTS.items()]


def with_attributions(names: tuple[str, ...], options: Options) -> tuple[tuple[str, ...], Options]:
    """Return outputs and options that agree: a request wants explanations by the parameter or by their output."""
    if options.explain and ATTRIBUTIONS not in names:
        names = (*names, ATTRIBUTIONS)
    return names, replace(options, explain=ATTRIBUTIONS in names)


def make_output(name: str, predictions: Sequence[Prediction]) -> Output:
    """Return one of `OUTPUTS` for n predictions."""
    datatype, shape = OUTPUTS[name]
    count = len(predictions)
    if name == "probabilities":
        values: list[Any] = [part for row in predictions for part in (1.0 - row.probability, row.probability)]
        return Output(name, datatype, [count, 2], values)
    if name == ATTRIBUTIONS:
        return Output(name, datatype, [count], [orjson.dumps(row.attributions).decode() for row in predictions])
    attribute = "id" if name == "prediction_id" else name
    return Output(name, datatype, [count, *shape[1:]], [getattr(row, attribute) for row in predictions])
