"""The protobufs of the protocol, of grpc.health.v1 and of reflection, as far as the kit speaks them.

They are described here by hand, in a separate descriptor pool. The kit therefore runs beside any package that defines the
same names (kserve, tritonclient), and inherits no mistake of theirs.
"""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_TYPES = {
    "string": 9,
    "bool": 8,
    "bytes": 12,
    "int32": 5,
    "int64": 3,
    "uint32": 13,
    "uint64": 4,
    "float": 2,
    "double": 1,
}

# message → its fields as "number name type", with `*` for repeated, `|` for a member of its oneof, `map:` for a map
# from string. A type with a capital is a message of the same package.
INFERENCE = {
    "ServerLiveRequest": "",
    "ServerLiveResponse": "1 live bool",
    "ServerReadyRequest": "",
    "ServerReadyResponse": "1 ready bool",
    "ModelReadyRequest": "1 name string, 2 version string",
    "ModelReadyResponse": "1 ready bool",
    "ServerMetadataRequest": "",
    "ServerMetadataResponse": "1 name string, 2 version string, 3 extensions *string",
    "ModelMetadataRequest": "1 name string, 2 version string",
    "TensorMetadata": "1 name string, 2 datatype string, 3 shape *int64",
    "ModelMetadataResponse": "1 name string, 2 versions *string, 3 platform string, 4 inputs *TensorMetadata, "
    "5 outputs *TensorMetadata",
    "InferParameter": "1 bool_param |bool, 2 int64_param |int64, 3 string_param |string",
    "InferTensorContents": "1 bool_contents *bool, 2 int_contents *int32, 3 int64_contents *int64, "
    "4 uint_contents *uint32, 5 uint64_contents *uint64, 6 fp32_contents *float, 7 fp64_contents *double, "
    "8 bytes_contents *bytes",
    "InferInputTensor": "1 name string, 2 datatype string, 3 shape *int64, 4 parameters map:InferParameter, "
    "5 contents InferTensorContents",
    "InferRequestedOutputTensor": "1 name string, 2 parameters map:InferParameter",
    "InferOutputTensor": "1 name string, 2 datatype string, 3 shape *int64, 4 parameters map:InferParameter, "
    "5 contents InferTensorContents",
    "ModelInferRequest": "1 model_name string, 2 model_version string, 3 id string, 4 parameters map:InferParameter, "
    "5 inputs *InferInputTensor, 6 outputs *InferRequestedOutputTensor, 7 raw_input_contents *bytes",
    "ModelInferResponse": "1 model_name string, 2 model_version string, 3 id string, 4 parameters map:InferParameter, "
    "5 outputs *InferOutputTensor, 6 raw_output_contents *bytes",
    "RepositoryIndexRequest": "1 repository_name string, 2 ready bool",
    "ModelIndex": "1 name string, 2 version string, 3 state string, 4 reason string",
    "RepositoryIndexResponse": "1 models *ModelIndex",
    "RepositoryModelLoadRequest": "1 model_name string",
}
HEALTH = {"HealthCheckRequest": "1 service string", "HealthCheckResponse": "1 status int32"}
REFLECTION = {
    "ServerReflectionRequest": "1 host string, 3 file_by_filename |string, 4 file_containing_symbol |string, "
    "7 list_services |string",
    "FileDescriptorResponse": "1 file_descriptor_proto *bytes",
    "ServiceResponse": "1 name string",
    "ListServiceResponse": "1 service *ServiceResponse",
    "ErrorResponse": "1 error_code int32, 2 error_message string",
    "ServerReflectionResponse": "1 valid_host string, 4 file_descriptor_response |FileDescriptorResponse, "
    "6 list_services_response |ListServiceResponse, 7 error_response |ErrorResponse",
}


def _add_field(message: Any, package: str, name: str, number: int, kind: str) -> None:
    many = kind.startswith(("*", "map:"))
    described = message.field.add(name=name, number=number, label=3 if many else 1)
    if kind.startswith("map:"):
        entry = message.nested_type.add(name="".join(part.title() for part in name.split("_")) + "Entry")
        entry.options.map_entry = True
        _add_field(entry, package, "key", 1, "string")
        _add_field(entry, package, "value", 2, kind.removeprefix("map:"))
        described.type, described.type_name = 11, f".{package}.{message.name}.{entry.name}"
        return
    if kind.startswith("|"):
        if not message.oneof_decl:
            message.oneof_decl.add(name="choice")
        described.oneof_index = 0
    plain = kind.lstrip("*|")
    if plain in _TYPES:
        described.type = _TYPES[plain]
    else:
        described.type, described.type_name = 11, f".{package}.{plain}"


def define(package: str, messages: dict[str, str]) -> dict[str, Any]:
    """The message classes of a package, by name."""
    file = descriptor_pb2.FileDescriptorProto(name=f"conformance/{package}.proto", package=package, syntax="proto3")
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for one in filter(None, fields.split(", ")):
            number, field, kind = one.split()
            _add_field(message, package, field, int(number), kind)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}")) for name in messages}


PB = define("inference", INFERENCE)
HEALTH_PB = define("grpc.health.v1", HEALTH)
REFLECTION_PB = {version: define(f"grpc.reflection.{version}", REFLECTION) for version in ("v1", "v1alpha")}
