"""gRPC: a client's mistake has the right code and a message, and the server answers on."""

import struct
from typing import Any

import grpc

from conformance.calls import SERVICE, channel, infer, infer_request, method, read, refused
from conformance.check import PRACTICE, Failed, Skipped, check_each, expect, group
from conformance.protos import PB
from conformance.target import Target, pack
from conformance.tensors import DATATYPES

check = group("gRPC: errors", PRACTICE)
INVALID, MISSING = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
TENSOR = "OIP gRPC, InferInputTensor"
_CONTENTS: dict[str, Any] = {
    "bool_contents": True,
    "int_contents": 1,
    "int64_contents": 1,
    "uint_contents": 1,
    "uint64_contents": 1,
    "fp32_contents": 1.5,
    "fp64_contents": 1.5,
}


def _changed(target: Target, raw: bool = False, **fields: Any) -> Any:
    request = infer_request(target, raw=raw)
    for name, value in fields.items():
        if name == "shape":
            del request.inputs[0].shape[:]
            request.inputs[0].shape.extend(value)
        else:
            setattr(request.inputs[0], name, value)
    return request


@check("grpc.unknown-model", "OIP gRPC, ModelInfer; gRPC, Status codes: NOT_FOUND")
def unknown_model(target: Target) -> None:
    infer(target, infer_request(target, model_name="no-such-model"), MISSING)
    asked = method(target, "ModelMetadata", PB["ModelMetadataResponse"])
    refused(lambda: asked(PB["ModelMetadataRequest"](name="no-such-model"), timeout=target.timeout), MISSING)


@check("grpc.unknown-version", "OIP gRPC, ModelInfer; gRPC, Status codes: NOT_FOUND")
def unknown_version(target: Target) -> None:
    if not target.versions:
        raise Skipped("the model's metadata lists no versions")
    infer(target, infer_request(target, model_version="no-such-version"), MISSING)


@check_each(check, "grpc.datatype.{}", "OIP, Tensor Data Types", [name for name in DATATYPES if name != "BYTES"])
def other_datatype(target: Target, datatype: str) -> None:
    """Typed and raw, a tensor of a datatype that the model does not take."""
    for raw in (False, True):
        infer(target, _changed(target, raw, datatype=datatype), INVALID)


@check("grpc.datatype.unknown", "OIP, Tensor Data Types")
def unknown_datatype(target: Target) -> None:
    for datatype in ("", "STRING", "bytes"):
        infer(target, _changed(target, datatype=datatype), INVALID)


@check_each(check, "grpc.contents.{}", TENSOR, list(_CONTENTS))
def other_contents(target: Target, field: str) -> None:
    """BYTES are valid in bytes_contents only."""
    request = infer_request(target, ["x"])
    del request.inputs[0].contents.bytes_contents[:]
    getattr(request.inputs[0].contents, field).append(_CONTENTS[field])
    infer(target, request, INVALID)


@check("grpc.contents.mixed", TENSOR)
def mixed_contents(target: Target) -> None:
    """A second field of contents would be dropped silently."""
    request = infer_request(target)
    request.inputs[0].contents.int_contents.append(1)
    infer(target, request, INVALID)


@check("grpc.shape", TENSOR)
def shapes(target: Target) -> None:
    count = len(target.texts)
    rank = target.shape(count)
    for shape in ([], [-1], [count + 1, *rank[1:]], [count - 1, *rank[1:]], [*rank, 2], [2**62], [-(2**63)]):
        for raw in (False, True):
            infer(target, _changed(target, raw, shape=shape), INVALID)


@check("grpc.inputs", TENSOR)
def inputs(target: Target) -> None:
    infer(target, _changed(target, name="no-such-input"), INVALID)
    none = infer_request(target)
    del none.inputs[:]
    infer(target, none, INVALID)
    twice = infer_request(target)
    twice.inputs.append(twice.inputs[0])
    infer(target, twice, INVALID)


@check("grpc.raw.damaged", "OIP gRPC, raw_input_contents")
def raw_damaged(target: Target) -> None:
    good = pack(target.texts)
    for raw in (
        good[:-1],
        good + b"\0",
        good + pack(["more"]),
        pack(target.texts[1:]),
        struct.pack("<I", 2**32 - 1),
        b"",
    ):
        request = infer_request(target, raw=True)
        request.raw_input_contents[0] = raw
        infer(target, request, INVALID)


@check("grpc.raw.count", "OIP gRPC, raw_input_contents")
def raw_count(target: Target) -> None:
    more = infer_request(target, raw=True)
    more.raw_input_contents.append(pack(["more"]))
    infer(target, more, INVALID)
    both = infer_request(target)
    both.raw_input_contents.append(pack(target.texts))
    infer(target, both, INVALID)
    neither = infer_request(target)
    del neither.inputs[0].contents.bytes_contents[:]
    infer(target, neither, INVALID)


@check("grpc.not-utf8", "OIP gRPC, BYTES of a text model")
def not_utf8(target: Target) -> None:
    for raw in (False, True):
        infer(target, infer_request(target, [b"\xff\xfe"], raw=raw), INVALID)


@check("grpc.outputs.unknown", "OIP gRPC, InferRequestedOutputTensor")
def unknown_output(target: Target) -> None:
    infer(target, infer_request(target, outputs=["no-such-output"]), INVALID)


@check("grpc.shared-memory.undeclared", "System shared memory extension")
def shared_memory(target: Target) -> None:
    if "system_shared_memory" in target.extensions:
        return
    request = infer_request(target, outputs=[target.outputs[0]["name"]])
    request.outputs[0].parameters["shared_memory_region"].string_param = "region"
    infer(target, request, INVALID)


@check("grpc.message-limit", "gRPC, Status codes: RESOURCE_EXHAUSTED")
def message_limit(target: Target) -> None:
    """Over the limit as it is, and as a small message that inflates to more."""
    if target.max_body_bytes is None:
        raise Skipped("the limit of a body is not known")
    request = infer_request(target, ["a " * target.max_body_bytes])
    infer(target, request, grpc.StatusCode.RESOURCE_EXHAUSTED, INVALID)
    asked = method(target, "ModelInfer", PB["ModelInferResponse"])
    refused(
        lambda: asked(request, timeout=target.timeout, compression=grpc.Compression.Gzip),
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        INVALID,
    )


@check("grpc.deadline", "gRPC, Deadlines; Status codes: DEADLINE_EXCEEDED")
def deadline(target: Target) -> None:
    """A call whose deadline has passed ends so, and the next one is answered."""
    asked = method(target, "ModelInfer", PB["ModelInferResponse"])
    refused(lambda: asked(infer_request(target), timeout=1e-6), grpc.StatusCode.DEADLINE_EXCEEDED)
    read(infer(target, infer_request(target)))


@check("grpc.cancelled", "gRPC, Status codes: CANCELLED")
def cancelled(target: Target) -> None:
    asked = method(target, "ModelInfer", PB["ModelInferResponse"])
    for _ in range(5):
        future = asked.future(infer_request(target), timeout=target.timeout)
        if future.cancel():
            expect(future.code() is grpc.StatusCode.CANCELLED, f"a cancelled call ended with {future.code()}")
    read(infer(target, infer_request(target)))


@check("grpc.no-message", "gRPC, Status codes: INVALID_ARGUMENT")
def no_message(target: Target) -> None:
    """Bytes that are not a protobuf message are a client error, like a body that is not JSON."""
    asked = channel(target).unary_unary(f"/{SERVICE}/ModelInfer", lambda raw: raw, PB["ModelInferResponse"].FromString)
    whole = infer_request(target).SerializeToString()
    for raw in (b"\xff" * 20, whole[:-1], b"\x0a\xff\xff\xff\xff\x0f", b"\x0a\x02\xff\xfe"):
        refused(lambda raw=raw: asked(raw, timeout=target.timeout), INVALID)


@check("grpc.message-size", "gRPC, Status messages")
def message_size(target: Target) -> None:
    """A long name in the request is not sent back at length: gRPC's headers have 8 KiB."""
    error = infer(target, infer_request(target, model_name="x" * 50_000), MISSING, INVALID)
    if len(error.details()) >= 2000:
        raise Failed(f"the message has {len(error.details())} characters")
