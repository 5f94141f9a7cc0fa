"""Bodies of V2 REST: read a request and write a response, with JSON or binary tensors (Open Inference Protocol)."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from model_release.scoring.features import replace_surrogates
from model_server.errors import InvalidInput
from model_server.inference.types import DEFAULT, Options, Prediction
from model_server.protocol.classification import make_outputs, read_classes
from model_server.protocol.parameters import check_content_type, parse_options
from model_server.protocol.tensors import (
    ATTRIBUTIONS,
    DEFAULT_OUTPUTS,
    Output,
    check_input,
    check_outputs,
    decode_text,
    unpack_texts,
)
from sentiment_common.json_terms import json_text, json_type

LENGTH_HEADER = "inference-header-content-length"


@dataclass(frozen=True, slots=True)
class InferRequest:
    """A valid request.

    Attributes:
        id: the client's own.
        outputs: names of outputs, in the order of the answer.
        binary: outputs that the answer holds in binary form.
        classes: number of classes to return of an output instead of its values.
    """

    texts: list[str]
    id: str | None = None
    outputs: tuple[str, ...] = ()
    binary: frozenset[str] = field(default_factory=frozenset)
    options: Options = DEFAULT
    classes: Mapping[str, int] = field(default_factory=dict)


def load_json(raw: bytes, what: str = "body") -> dict[str, Any]:
    """Parse a JSON object; raise InvalidInput if `raw`, called `what` in the message, holds anything else."""
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        document = _load_with_surrogates(raw, what, error)
    if not isinstance(document, dict):
        raise InvalidInput(f"{what} is {json_type(document)}; send an object")
    return document


def _load_with_surrogates(raw: bytes, what: str, error: Exception) -> Any:
    """Parse JSON with escaped lone surrogates, which is valid and refused by orjson; the scorer replaces them."""
    if b"\\ud" in raw.lower():
        try:
            return json.loads(raw)
        except (ValueError, RecursionError):
            pass
    raise InvalidInput(f"{what} is not JSON: {error}") from None


def parse_request(body: bytes, header_length: str | None) -> InferRequest:
    """Read `POST …/infer`.

    Args:
        body: JSON, followed by the binary tensor if the request has one; or a bare text (Triton's raw binary request),
            whose answer is binary.
        header_length: the header Inference-Header-Content-Length, the JSON's bytes; 0 announces a raw request.

    Raises:
        InvalidInput: names the field and the remedy.
    """
    size = _header_size(header_length, len(body))
    if header_length is not None and size == 0:
        return InferRequest([decode_text(body, "the body")], outputs=DEFAULT_OUTPUTS, binary=frozenset(DEFAULT_OUTPUTS))
    document = load_json(body[:size])
    inputs = document.get("inputs")
    if not isinstance(inputs, list) or len(inputs) != 1 or not isinstance(inputs[0], dict):
        raise InvalidInput("inputs must be a list with the one tensor 'text'")
    tensor = inputs[0]
    count = check_input(tensor.get("name"), tensor.get("datatype"), tensor.get("shape"))
    parameters = _object(tensor.get("parameters"), "inputs[0].parameters")
    check_content_type(parameters, "inputs[0].parameters")
    if "binary_data_size" in parameters:
        texts = _binary_texts(parameters["binary_data_size"], body[size:], count, has_data="data" in tensor)
    else:
        if len(body) > size:
            raise InvalidInput(f"{len(body) - size} bytes follow the JSON but no input has binary_data_size")
        texts = _json_texts(tensor.get("data"), count)
    request_id = document.get("id")
    if request_id is not None and not isinstance(request_id, str):
        raise InvalidInput(f"id is {json_type(request_id)}; send a string")
    if request_id and replace_surrogates(request_id) != request_id:
        raise InvalidInput("id holds half of a surrogate pair, which cannot be sent back")
    names, binary, classes = _outputs(document)
    options = parse_options(document.get("parameters"))
    if options.explain and ATTRIBUTIONS not in names:
        everything = _object(document.get("parameters"), "parameters").get("binary_data_output")
        names, binary = (*names, ATTRIBUTIONS), binary | {ATTRIBUTIONS} if everything else binary
    options = replace(options, explain=ATTRIBUTIONS in names)
    return InferRequest(texts, request_id, names, binary, options, classes)


def _header_size(header: str | None, total: int) -> int:
    if header is None:
        return total
    if not re.fullmatch("[0-9]{1,18}", header) or int(header) > total:
        raise InvalidInput(f"Inference-Header-Content-Length is {header!r}; it must be the JSON's bytes, 0 to {total}")
    return int(header)


def _object(value: object, where: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidInput(f"{where} is {json_type(value)}; send an object")
    return value


def _binary_texts(size: object, rest: bytes, count: int, *, has_data: bool) -> list[str]:
    if has_data:
        raise InvalidInput("inputs[0] has both data and binary_data_size; send one of them")
    if not isinstance(size, int) or isinstance(size, bool) or size != len(rest):
        raise InvalidInput(
            f"inputs[0].parameters.binary_data_size is {json_text(size)} but {len(rest)} bytes follow the JSON"
        )
    return unpack_texts(rest, count, "inputs[0]")


def _json_texts(data: object, count: int) -> list[str]:
    if not isinstance(data, list):
        raise InvalidInput("inputs[0].data must be a list of strings")
    for index, value in enumerate(data):
        if not isinstance(value, str):
            raise InvalidInput(f"inputs[0].data[{index}] is {json_type(value)}; BYTES in JSON are strings")
    if len(data) != count:
        raise InvalidInput(f"inputs[0].shape promises {count} texts, data holds {len(data)}")
    return data


def _flag(parameters: Mapping[str, Any], name: str, default: bool, where: str) -> bool:
    value = parameters.get(name, default)
    if not isinstance(value, bool):
        raise InvalidInput(f"{where}.{name} is {json_text(value)}; send true or false")
    return value


def _outputs(document: dict[str, Any]) -> tuple[tuple[str, ...], frozenset[str], dict[str, int]]:
    """Return the outputs' names in their order, those in binary form, and numbers of classes by output."""
    requested = document.get("outputs")
    if requested is None:
        requested = []
    if not isinstance(requested, list) or not all(isinstance(output, dict) for output in requested):
        raise InvalidInput("outputs must be a list of objects with a name")
    names = check_outputs([output.get("name") for output in requested])
    parameters = _object(document.get("parameters"), "parameters")
    everything = _flag(parameters, "binary_data_output", False, "parameters")
    if not requested:
        return names, frozenset(names if everything else ()), {}
    wheres = [f"outputs[{index}].parameters" for index in range(len(requested))]
    described = [_object(output.get("parameters"), where) for output, where in zip(requested, wheres, strict=True)]
    classes = read_classes(zip(names, described, strict=True))
    binary = {
        name
        for name, parameters, where in zip(names, described, wheres, strict=True)
        if _flag(parameters, "binary_data", everything, where)
    }
    return names, frozenset(binary), classes


def write_response(
    request: InferRequest, predictions: Sequence[Prediction], model: str, version: str
) -> tuple[bytes, int | None]:
    """Write the body of predictions; return it, and the length of its JSON part if binary tensors follow."""
    return write_outputs(request, list(make_outputs(request.outputs, request.classes, predictions)), model, version)


def write_outputs(
    request: InferRequest, tensors: Sequence[Output], model: str, version: str
) -> tuple[bytes, int | None]:
    """Write the body with these tensors; return it, and the length of its JSON part if binary tensors follow."""
    outputs, blobs = [], []
    for output in tensors:
        document: dict[str, Any] = {"name": output.name, "datatype": output.datatype, "shape": output.shape}
        if output.name in request.binary:
            blobs.append(output.binary())
            document["parameters"] = {"binary_data_size": len(blobs[-1])}
        else:
            document["data"] = output.values
        outputs.append(document)
    head: dict[str, Any] = {"model_name": model, "model_version": version, "outputs": outputs}
    if request.id is not None:
        head["id"] = request.id
    raw = orjson.dumps(head)
    return (raw + b"".join(blobs), len(raw)) if blobs else (raw, None)
