"""The service's name, its protobufs and the kinds of a parameter. The command line's client uses them too."""

from typing import Any

from model_server.rpc.proto import inference_pb2

pb: Any = inference_pb2  # protoc's module has no types
SERVICE: str = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"].full_name
PARAMETER_KINDS = tuple(field.name for field in pb.InferParameter.DESCRIPTOR.fields)
