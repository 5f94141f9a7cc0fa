"""The protocol's protobufs as this server speaks them: KServe's, and the repository index and the newer parameters
that they lack.

They stand in a pool of their own, because a name may be defined once in protobuf's default one, and other packages
(tritonclient's) define these too.
"""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

_MESSAGES = "protocol/grpc/grpc_predict_v2_pb2.py"  # in kserve's folder
SERVICE = "inference.GRPCInferenceService"
_DOUBLE, _UINT64, _BOOL, _STRING, _MESSAGE = 1, 4, 8, 9, 11  # FieldDescriptorProto.Type
_ONE, _MANY = 1, 3  # FieldDescriptorProto.Label


def _kserves_messages() -> ModuleType:
    """The module of KServe's messages without its package, which brings pandas and a client of Kubernetes.

    They would take memory and time of every start, and `import kserve` reads the program's arguments.
    """
    package = importlib.util.find_spec("kserve")
    if package is None or package.origin is None:
        raise ImportError("kserve, whose messages the server speaks, is not installed: the extra `serve` brings it")
    spec = importlib.util.spec_from_file_location("grpc_predict_v2_pb2", Path(package.origin).parent / _MESSAGES)
    assert spec and spec.loader  # so it is for any path that ends with .py
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


pb: Any = _kserves_messages()


def _copy(module: Any) -> descriptor_pb2.FileDescriptorProto:
    described = descriptor_pb2.FileDescriptorProto()
    module.DESCRIPTOR.CopyToProto(described)
    return described


def _with_index(described: descriptor_pb2.FileDescriptorProto) -> descriptor_pb2.FileDescriptorProto:
    """Add the call RepositoryIndex of the model repository extension, and its messages."""
    asked = described.message_type.add(name="RepositoryIndexRequest")
    asked.field.add(name="repository_name", number=1, type=_STRING, label=_ONE)
    asked.field.add(name="ready", number=2, type=_BOOL, label=_ONE)
    answered = described.message_type.add(name="RepositoryIndexResponse")
    model = answered.nested_type.add(name="ModelIndex")
    for number, name in enumerate(("name", "version", "state", "reason"), 1):
        model.field.add(name=name, number=number, type=_STRING, label=_ONE)
    models = answered.field.add(name="models", number=1, type=_MESSAGE, label=_MANY)
    models.type_name = ".inference.RepositoryIndexResponse.ModelIndex"
    described.service[0].method.add(
        name="RepositoryIndex",
        input_type=".inference.RepositoryIndexRequest",
        output_type=".inference.RepositoryIndexResponse",
    )
    return described


def _with_tritons_names(described: descriptor_pb2.FileDescriptorProto) -> descriptor_pb2.FileDescriptorProto:
    """Triton's messages of the repository's load and unload have the model's name in another field than KServe's."""
    for message in described.message_type:
        if message.name in ("RepositoryModelLoadRequest", "RepositoryModelUnloadRequest"):
            message.field.add(name="triton_model_name", number=2, type=_STRING, label=_ONE)
    return described


def _with_newer_parameters(described: descriptor_pb2.FileDescriptorProto) -> descriptor_pb2.FileDescriptorProto:
    """The protocol's newer kinds of a parameter, which Triton's clients send and KServe's messages lack."""
    (message,) = (message for message in described.message_type if message.name == "InferParameter")
    known = {field.number for field in message.field}
    for name, number, kind in (("double_param", 4, _DOUBLE), ("uint64_param", 5, _UINT64)):
        if number not in known:
            message.field.add(name=name, number=number, type=kind, label=_ONE, oneof_index=0)
    return described


def _make_pool() -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    inference = _with_newer_parameters(_with_tritons_names(_with_index(_copy(pb))))
    for described in (inference, _copy(health_pb2), _copy(reflection_pb2)):
        pool.Add(described)
    return pool


POOL = _make_pool()


def _message(name: str) -> Any:
    return message_factory.GetMessageClass(POOL.FindMessageTypeByName(f"inference.{name}"))


PARAMETER_KINDS = tuple(field.name for field in _message("InferParameter").DESCRIPTOR.fields)
ModelInferRequest = _message("ModelInferRequest")
RepositoryIndexRequest = _message("RepositoryIndexRequest")
RepositoryIndexResponse = _message("RepositoryIndexResponse")


def read_named(name: str) -> Any:
    """A parser of KServe's message `name` that takes Triton's form of it too."""
    theirs, ours = getattr(pb, name), _message(name)

    def read(raw: bytes) -> Any:
        request = ours.FromString(raw)
        return theirs(model_name=request.triton_model_name or request.model_name)

    return read
