"""gRPC's own services: grpc.health.v1 and reflection."""

from typing import Any

import grpc
from google.protobuf import descriptor_pb2

from conformance.calls import SERVICE, channel, method, refused
from conformance.check import PRACTICE, Failed, expect, group
from conformance.protos import HEALTH_PB, REFLECTION_PB
from conformance.target import Target

check = group("gRPC: health.v1, reflection", PRACTICE)
HEALTH, SERVING, NOT_SERVING, SERVICE_UNKNOWN = "grpc.health.v1.Health", 1, 2, 3


def health(target: Target, service: str = "") -> int:
    """The status of `Check`."""
    asked = method(target, "Check", HEALTH_PB["HealthCheckResponse"], HEALTH)
    try:
        return int(asked(HEALTH_PB["HealthCheckRequest"](service=service), timeout=target.timeout).status)
    except grpc.RpcError as error:
        raise Failed(f"Check of {service!r} ended with {error.code().name}: {error.details()}") from None


@check("health.v1.check", "grpc.health.v1, Check")
def check_all(target: Target) -> None:
    for service in ("", SERVICE):
        expect(
            health(target, service) == SERVING, f"the status of {service!r} is {health(target, service)}, not SERVING"
        )


@check("health.v1.unknown", "grpc.health.v1, Check: NOT_FOUND for an unknown service")
def unknown(target: Target) -> None:
    asked = method(target, "Check", HEALTH_PB["HealthCheckResponse"], HEALTH)
    request = HEALTH_PB["HealthCheckRequest"](service="no.such.Service")
    refused(lambda: asked(request, timeout=target.timeout), grpc.StatusCode.NOT_FOUND)


@check("health.v1.watch", "grpc.health.v1, Watch")
def watch(target: Target) -> None:
    """The first message comes at once; an unknown service is SERVICE_UNKNOWN, not an error."""
    stream = channel(target).unary_stream(
        f"/{HEALTH}/Watch",
        lambda request: request.SerializeToString(),
        HEALTH_PB["HealthCheckResponse"].FromString,
    )
    for service, wanted in (("", SERVING), ("no.such.Service", SERVICE_UNKNOWN)):
        answers = stream(HEALTH_PB["HealthCheckRequest"](service=service), timeout=target.timeout)
        try:
            status = next(answers).status
        except grpc.RpcError as error:
            raise Failed(f"Watch of {service!r} ended with {error.code().name}: {error.details()}") from None
        finally:
            answers.cancel()
        expect(status == wanted, f"Watch of {service!r} began with {status}, not {wanted}")


def _reflected(target: Target, **request: str) -> Any:
    """The answer of reflection, v1 or v1alpha."""
    last = ""
    for version, messages in REFLECTION_PB.items():
        stream = channel(target).stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            lambda message: message.SerializeToString(),
            messages["ServerReflectionResponse"].FromString,
        )
        try:
            answer = next(stream(iter([messages["ServerReflectionRequest"](**request)]), timeout=target.timeout))
        except grpc.RpcError as error:
            last = f"{version} ended with {error.code().name}"
            continue
        expect(not answer.HasField("error_response"), f"reflection of {request}: {answer.error_response.error_message}")
        return answer
    raise Failed(f"the server has no reflection: {last}")


@check("reflection.services", "gRPC Server Reflection, list_services")
def services(target: Target) -> None:
    names = {one.name for one in _reflected(target, list_services="*").list_services_response.service}
    expect(names >= {SERVICE, HEALTH}, f"reflection lists {sorted(names)}")


@check("reflection.describes", "gRPC Server Reflection, file_containing_symbol")
def describes(target: Target) -> None:
    """Each service that is listed can be described, and the protocol's has its calls."""
    for one in _reflected(target, list_services="*").list_services_response.service:
        response = _reflected(target, file_containing_symbol=one.name).file_descriptor_response
        files = [descriptor_pb2.FileDescriptorProto.FromString(raw) for raw in response.file_descriptor_proto]
        found = {f"{file.package}.{service.name}": service for file in files for service in file.service}
        expect(one.name in found, f"{one.name} is not in what describes it: {sorted(found)}")
        if one.name == SERVICE:
            calls = {call.name for call in found[SERVICE].method}
            wanted = {"ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata", "ModelInfer"}
            expect(calls >= wanted, f"reflection lacks {sorted(wanted - calls)}")
