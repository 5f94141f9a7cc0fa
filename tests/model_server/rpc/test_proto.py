"""The service's definition: its generated module is current, fits KServe's, and can be loaded beside other definitions."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2
from kserve.protocol.grpc import grpc_predict_v2_pb2

from model_server.rpc.messages import pb

ROOT = Path(__file__).parents[3]
TRITON_PYTHON = os.environ.get("CONFORMANCE_PYTHON", "")  # as the conformance kit takes it
KSERVE = "from kserve.protocol.grpc import grpc_predict_v2_pb2 as theirs"
TRITON = "import tritonclient.grpc; from tritonclient.grpc import service_pb2 as theirs"
OURS = "from model_server.rpc.proto import inference_pb2 as ours"
COMPARE = """
raw = theirs.ModelInferRequest(model_name="sentiment", raw_input_contents=[b"film"]).SerializeToString()
read = ours.ModelInferRequest.FromString(raw)
assert type(read) is not theirs.ModelInferRequest and read.SerializeToString() == raw
print(read.model_name)
"""


def described(module: object) -> descriptor_pb2.FileDescriptorProto:
    found = descriptor_pb2.FileDescriptorProto()
    module.DESCRIPTOR.CopyToProto(found)
    return found


def test_the_module_is_what_the_definition_compiles_to(tmp_path: Path):
    pytest.importorskip("grpc_tools", reason="grpcio-tools is not installed")
    from protos import compile_proto

    compile_proto(f"--descriptor_set_out={tmp_path / 'set'}")
    (compiled,) = descriptor_pb2.FileDescriptorSet.FromString((tmp_path / "set").read_bytes()).file
    for message in compiled.message_type:
        clear_json_names(message)
    assert described(pb) == compiled, "run `make protos`"


def clear_json_names(message: descriptor_pb2.DescriptorProto) -> None:
    """Clear the names that protoc adds to a descriptor set, and to no module."""
    for field in message.field:
        field.ClearField("json_name")
    for nested in message.nested_type:
        clear_json_names(nested)


def fields(messages: object, prefix: str = "") -> dict[str, tuple[int, int, int, str]]:
    """Number, type, label and message type of each field by its path."""
    found = {}
    for message in messages:
        path = f"{prefix}{message.name}."
        for field in message.field:
            found[path + field.name] = (field.number, field.type, field.label, field.type_name)
        found |= fields(message.nested_type, path)
    return found


def test_every_message_and_method_of_kserve_is_ours_too():
    ours, theirs = described(pb), described(grpc_predict_v2_pb2)
    assert ours.package == theirs.package
    assert fields(theirs.message_type).items() <= fields(ours.message_type).items()
    methods = [
        {(method.name, method.input_type, method.output_type) for method in file.service[0].method}
        for file in (theirs, ours)
    ]
    assert ours.service[0].name == theirs.service[0].name and methods[0] < methods[1]


@pytest.mark.parametrize("imports", [(KSERVE, OURS), (OURS, KSERVE), (TRITON, OURS), (OURS, TRITON)])
def test_other_definitions_load_in_the_same_process(imports: tuple[str, str]):
    python = TRITON_PYTHON if TRITON in imports else sys.executable
    if not python:
        pytest.skip("CONFORMANCE_PYTHON names no interpreter with tritonclient")
    program = "\n".join([*imports, COMPARE])
    run = subprocess.run(
        [python, "-c", program], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert run.stdout == "sentiment\n", run.stderr
