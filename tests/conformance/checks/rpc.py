"""gRPC: health, metadata and inference, equal to REST."""

import grpc

from conformance.calls import call, channel, infer, infer_request, method, read, refused
from conformance.check import PRACTICE, PROTOCOL, Failed, Skipped, expect, group
from conformance.protos import PB
from conformance.target import Target
from conformance.tensors import Values, same
from conformance.tensors import read as read_rest

check = group("gRPC: health, metadata, infer", PROTOCOL)
INFER = "OIP gRPC, ModelInfer"


def _stable(values: Values) -> Values:
    return {name: value for name, value in values.items() if not name.endswith("id")}


@check("grpc.live", "OIP gRPC, ServerLive")
def live(target: Target) -> None:
    expect(call(target, "ServerLive").live, "ServerLive says that the server is not live")


@check("grpc.ready", "OIP gRPC, ServerReady")
def ready(target: Target) -> None:
    expect(call(target, "ServerReady").ready, "ServerReady says that the server is not ready")


@check("grpc.model-ready", "OIP gRPC, ModelReady")
def model_ready(target: Target) -> None:
    expect(call(target, "ModelReady", name=target.model).ready, "ModelReady says that the model is not ready")
    for version in target.versions:
        response = call(target, "ModelReady", name=target.model, version=version)
        expect(response.ready, f"version {version!r} is not ready")


@check("grpc.model-ready.unknown", "OIP gRPC, ModelReady", basis=PRACTICE)
def unknown_ready(target: Target) -> None:
    """Not ready, or NOT_FOUND."""
    for fields in ({"name": "no-such-model"}, {"name": target.model, "version": "no-such-version"}):
        asked = method(target, "ModelReady", PB["ModelReadyResponse"])
        try:
            expect(not asked(PB["ModelReadyRequest"](**fields), timeout=target.timeout).ready, f"{fields} is ready")
        except grpc.RpcError as error:
            expect(error.code() is grpc.StatusCode.NOT_FOUND, f"{fields} ended with {error.code().name}")


@check("grpc.server-metadata", "OIP gRPC, ServerMetadata")
def server_metadata(target: Target) -> None:
    metadata, rest = call(target, "ServerMetadata"), target.server_metadata
    for field in ("name", "version"):
        expect(
            getattr(metadata, field) == rest[field], f"{field}: gRPC {getattr(metadata, field)!r}, REST {rest[field]!r}"
        )
    expect(list(metadata.extensions) == list(rest["extensions"]), f"extensions: {list(metadata.extensions)}")


@check("grpc.model-metadata", "OIP gRPC, ModelMetadata")
def model_metadata(target: Target) -> None:
    for version in ("", *target.versions):
        metadata, rest = call(target, "ModelMetadata", name=target.model, version=version), target.metadata
        expect(
            (metadata.name, metadata.platform) == (rest["name"], rest["platform"]),
            f"{metadata.name!r}, {metadata.platform!r}",
        )
        expect(
            list(metadata.versions) == target.versions,
            f"versions: gRPC {list(metadata.versions)}, REST {target.versions}",
        )
        for field in ("inputs", "outputs"):
            tensors = [
                {"name": one.name, "datatype": one.datatype, "shape": list(one.shape)}
                for one in getattr(metadata, field)
            ]
            wanted = [{key: one[key] for key in ("name", "datatype", "shape")} for one in rest[field]]
            expect(tensors == wanted, f"{field}: gRPC {tensors}, REST {wanted}")


@check("grpc.infer.typed", INFER)
def typed(target: Target) -> None:
    response = infer(target, infer_request(target))
    expect(response.model_name == target.model, f"model_name is {response.model_name!r}")
    same(_stable(read(response)), _stable(read_rest(target.post(target.document()))[1]))


@check("grpc.infer.raw", INFER)
def raw(target: Target) -> None:
    same(
        _stable(read(infer(target, infer_request(target, raw=True)))),
        _stable(read(infer(target, infer_request(target)))),
    )


@check("grpc.infer.version", INFER)
def version(target: Target) -> None:
    if not target.versions:
        raise Skipped("the model's metadata lists no versions")
    for wanted in target.versions:
        returned = infer(target, infer_request(target, model_version=wanted)).model_version
        expect(returned == wanted, f"model_version {wanted!r} came back as {returned!r}")


@check("grpc.id.echoed", INFER)
def id_echoed(target: Target) -> None:
    for given in ("a-1", ""):
        returned = infer(target, infer_request(target, id=given)).id
        expect(returned == given, f"id {given!r} came back as {returned!r}")


@check("grpc.id.any-string", INFER)
def id_any(target: Target) -> None:
    for given in ("ünï 🎬", "x" * 300):
        returned = infer(target, infer_request(target, id=given)).id
        expect(returned == given, f"id {given!r} came back as {returned!r}")


@check("grpc.order-and-count", INFER)
def order(target: Target) -> None:
    for given in (False, True):
        forward = _stable(read(infer(target, infer_request(target, raw=given))))
        for row, text in enumerate(target.texts):
            alone = _stable(read(infer(target, infer_request(target, [text], raw=given))))
            for name, values in alone.items():
                width = len(values)
                same({name: values}, {name: forward[name][row * width : (row + 1) * width]})


@check("grpc.outputs", INFER)
def outputs(target: Target) -> None:
    names = [output["name"] for output in target.outputs]
    for asked in (*([name] for name in names), names[::-1]):
        returned = list(read(infer(target, infer_request(target, outputs=asked))))
        expect(sorted(returned) == sorted(asked), f"asked for {asked}, got {returned}")


@check("grpc.compressed", "gRPC, Compression", basis=PRACTICE)
def compressed(target: Target) -> None:
    channel(target)
    for algorithm in (grpc.Compression.Gzip, grpc.Compression.Deflate):
        asked = method(target, "ModelInfer", PB["ModelInferResponse"])
        try:
            response = asked(infer_request(target), timeout=target.timeout, compression=algorithm)
        except grpc.RpcError as error:
            raise Failed(f"{algorithm.name} ended with {error.code().name}: {error.details()}") from None
        expect(response.outputs, f"{algorithm.name} gave no outputs")


@check("grpc.unimplemented", "gRPC, Status codes: UNIMPLEMENTED", basis=PRACTICE)
def unimplemented(target: Target) -> None:
    empty = PB["ServerLiveResponse"]
    for name, service in (("NoSuchCall", "inference.GRPCInferenceService"), ("ServerLive", "inference.NoSuchService")):
        asked = method(target, name, empty, service)
        refused(
            lambda asked=asked: asked(PB["ServerLiveRequest"](), timeout=target.timeout), grpc.StatusCode.UNIMPLEMENTED
        )
