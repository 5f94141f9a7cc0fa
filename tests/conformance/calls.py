"""gRPC calls of the kit: by method name, and with failures that read well."""

import functools
import math
from collections.abc import Sequence
from typing import Any

import grpc

from conformance.check import Failed, Skipped, expect
from conformance.protos import PB
from conformance.target import Target, pack
from conformance.tensors import Values, from_binary

SERVICE = "inference.GRPCInferenceService"
_FIELDS = {"BOOL": "bool", "UINT32": "uint", "UINT64": "uint64", "INT64": "int64", "FP32": "fp32", "FP64": "fp64"}
_FIELDS |= {"BYTES": "bytes", "INT32": "int", "INT8": "int", "INT16": "int", "UINT8": "uint", "UINT16": "uint"}


def channel(target: Target) -> Any:
    """One channel a target, which lives as long as the kit runs."""
    if not target.grpc:
        raise Skipped("no gRPC address was given")
    return _channel(target.grpc)


@functools.cache
def _channel(address: str) -> Any:
    return grpc.insecure_channel(address, options=[("grpc.max_send_message_length", -1)])


def method(target: Target, name: str, answer: Any, service: str = SERVICE) -> Any:
    """A unary call as a function of the request; `answer` is the response's class."""
    return channel(target).unary_unary(
        f"/{service}/{name}", lambda request: request.SerializeToString(), answer.FromString
    )


def call(target: Target, called: str, /, **fields: Any) -> Any:
    """Call a method of the protocol whose messages are `<called>Request` and `<called>Response`."""
    return send(target, called, PB[f"{called}Request"](**fields))


def send(target: Target, name: str, request: Any) -> Any:
    """Send a message to a method of the protocol. Failed with its code where it is refused."""
    try:
        return method(target, name, PB[f"{name}Response"])(request, timeout=target.timeout)
    except grpc.RpcError as error:
        raise Failed(f"{name} ended with {error.code().name}: {error.details()}") from None


def refused(action: Any, *codes: grpc.StatusCode) -> Any:
    """Fail unless the action ends with one of these codes and a message; the error."""
    wanted = " or ".join(code.name for code in codes)
    try:
        answer = action()
    except grpc.RpcError as error:
        expect(error.code() in codes, f"ended with {error.code().name} ({error.details()}); expected {wanted}")
        expect(error.details(), f"{error.code().name} came without a message")
        return error
    raise Failed(f"was answered with {str(answer)[:120]!r}; expected {wanted}")


def infer_request(
    target: Target,
    texts: Sequence[str | bytes] | None = None,
    *,
    raw: bool = False,
    outputs: Sequence[str] = (),
    **other: Any,
) -> Any:
    """A ModelInferRequest with typed contents, or raw ones."""
    texts = target.texts if texts is None else texts
    request = PB["ModelInferRequest"](**{"model_name": target.model, **other})
    tensor = request.inputs.add(name=target.input_name, datatype="BYTES", shape=target.shape(len(texts)))
    if raw:
        request.raw_input_contents.append(pack(texts))
    else:
        tensor.contents.bytes_contents.extend(text.encode() if isinstance(text, str) else text for text in texts)
    for name in outputs:
        request.outputs.add(name=name)
    return request


def infer(target: Target, request: Any, *codes: grpc.StatusCode) -> Any:
    """Send a ModelInferRequest; with codes, it must be refused with one of them."""
    if codes:
        asked = method(target, "ModelInfer", PB["ModelInferResponse"])
        return refused(lambda: asked(request, timeout=target.timeout), *codes)
    return send(target, "ModelInfer", request)


def read(response: Any) -> Values:
    """The values of a ModelInferResponse's outputs by name, in order."""
    if raw := response.raw_output_contents:
        expect(len(raw) == len(response.outputs), f"{len(raw)} raw contents for {len(response.outputs)} outputs")
    values: Values = {}
    for index, output in enumerate(response.outputs):
        count = math.prod(output.shape)
        if raw:
            values[output.name] = from_binary(output.datatype, count, raw[index], output.name)
            continue
        typed = list(getattr(output.contents, f"{_FIELDS[output.datatype]}_contents"))
        expect(len(typed) == count, f"output {output.name!r} of shape {list(output.shape)} holds {len(typed)} values")
        values[output.name] = [value.decode() for value in typed] if output.datatype == "BYTES" else typed
    return values
