"""Requests and answers of KServe's SDK: the texts of a V1 dict or a V2 `InferRequest`, and the `InferResponse`."""

import uuid
from collections.abc import Sequence
from typing import Any

import numpy as np
from kserve import InferOutput, InferRequest, InferResponse
from kserve.protocol.infer_type import InferInput, RequestedOutput, to_http_parameters

from model_server.errors import InvalidInput
from model_server.inference.types import Options, Prediction
from model_server.protocol import v1
from model_server.protocol.classification import make_outputs, read_classes
from model_server.protocol.parameters import check_content_type, parse_options
from model_server.protocol.tensors import (
    ATTRIBUTIONS,
    check_input,
    check_outputs,
    decode_text,
    unpack_texts,
    with_attributions,
)


def texts_of(payload: dict[str, Any] | InferRequest) -> list[str]:
    """Return the texts of a request in any form: V1, or V2 by JSON, binary tensors, typed or raw contents.

    Raises:
        InvalidInput: names the field and the remedy.
    """
    if not isinstance(payload, InferRequest):
        return v1.read_texts(payload)
    tensor = _tensor(payload)
    count = check_input(tensor.name, tensor.datatype, list(tensor.shape))
    check_content_type(to_http_parameters(tensor.parameters or {}), "inputs[0].parameters")
    if tensor._raw_data is not None:  # `as_numpy` raises struct.error for damaged data
        return unpack_texts(tensor._raw_data, count, "inputs[0]")
    data = tensor.data.ravel().tolist() if isinstance(tensor.data, np.ndarray) else tensor.data
    if not isinstance(data, list):
        raise InvalidInput("inputs[0].data must be a list of strings")
    if len(data) != count:
        raise InvalidInput(f"inputs[0].shape promises {count} texts, data holds {len(data)}")
    return [_text(value, f"inputs[0].data[{index}]") for index, value in enumerate(data)]


def with_texts(payload: dict[str, Any] | InferRequest, texts: Sequence[str]) -> dict[str, Any] | InferRequest:
    """Return the request with these texts instead of its texts; options, outputs and id stay."""
    if not isinstance(payload, InferRequest):
        return payload | {"instances": list(texts)}
    former = _tensor(payload)
    tensor = InferInput(former.name, [len(texts)], former.datatype, list(texts), former.parameters)
    changed = InferRequest(
        payload.model_name,
        [tensor],
        request_id=payload.id,
        from_grpc=payload.from_grpc,
        parameters=payload.parameters,
        request_outputs=payload.request_outputs,
        model_version=payload.model_version,
    )
    changed._use_raw_outputs = payload._use_raw_outputs  # the answer's form follows that of the texts as sent
    return changed


def options_of(request: InferRequest) -> Options:
    """Return the request's options; its output `attributions` requests explanations as the parameter does."""
    _, options = _requested(request)
    return options


def answer(
    request: InferRequest, predictions: Sequence[Prediction], name: str, version: str, options: Options
) -> InferResponse:
    """Return the predictions as the requested outputs; KServe writes them as JSON, binary or typed contents."""
    names, _ = with_attributions(_requested(request)[0], options)
    outputs = request.request_outputs or []
    if outputs and ATTRIBUTIONS in names and ATTRIBUTIONS not in [output.name for output in outputs]:
        outputs = [*outputs, RequestedOutput(ATTRIBUTIONS, {"binary_data": request.use_binary_outputs})]
    return InferResponse(
        request.id or str(uuid.uuid4()),  # KServe's REST fails without an id
        request.model_name or name,
        [
            InferOutput(output.name, output.shape, output.datatype, output.values)
            for output in make_outputs(names, _classes(request), predictions)
        ],
        model_version=version,
        use_binary_outputs=request.use_binary_outputs,
        requested_outputs=outputs or None,
    )


def _tensor(request: InferRequest) -> Any:
    if len(request.inputs) != 1:
        raise InvalidInput(f"inputs holds {len(request.inputs)} tensors; send the one tensor 'text'")
    return request.inputs[0]


def _text(value: object, where: str) -> str:
    if isinstance(value, bytes):
        return decode_text(value, where)
    if not isinstance(value, str):
        raise InvalidInput(f"{where} is not a string; BYTES in JSON are strings")
    return value


def _requested(request: InferRequest) -> tuple[tuple[str, ...], Options]:
    names = check_outputs([output.name for output in request.request_outputs or ()])
    _classes(request)
    return with_attributions(names, parse_options(to_http_parameters(request.parameters or {})))


def _classes(request: InferRequest) -> dict[str, int]:
    return read_classes((output.name, output.parameters or {}) for output in request.request_outputs or ())
