"""The kinds of a parameter over gRPC: KServe's three, and the newer two of the Open Inference Protocol and Triton."""

import os
import subprocess
from typing import Any

import grpc
import pytest
from kit.server_process import ModelServer
from kit.v2_requests import grpc_request

from model_server.rpc.messages import PARAMETER_KINDS, pb

TRITON_PYTHON = os.environ.get("CONFORMANCE_PYTHON", "")  # as the conformance kit takes it


def request(name: str, kind: str, value: object) -> Any:
    """A request that has the parameter, as a client of the newest protocol makes it."""
    made = pb.ModelInferRequest.FromString(grpc_request(["a film"]).SerializeToString())
    setattr(made.parameters[name], kind, value)
    return made


def infer(server: ModelServer, asked: Any) -> Any:
    with grpc.insecure_channel(server.grpc_target) as channel:
        call = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer",
            pb.ModelInferRequest.SerializeToString,
            pb.ModelInferResponse.FromString,
        )
        return call(asked, timeout=60)


def test_every_kind_of_the_protocol_is_read():
    assert PARAMETER_KINDS == ("bool_param", "int64_param", "string_param", "double_param", "uint64_param")


@pytest.mark.parametrize(("kind", "value"), [("uint64_param", 2**63), ("double_param", 0.5), ("int64_param", 7)])
def test_a_parameter_that_clients_add_automatically_changes_nothing(server: ModelServer, kind: str, value: object):
    assert len(infer(server, request("priority", kind, value)).outputs) == 3


@pytest.mark.parametrize(
    ("name", "kind", "value", "message"),
    [
        ("explain", "double_param", 0.5, "parameters.explain is 0.5; send true or false"),
        ("truncation", "uint64_param", 7, "parameters.truncation is 7; choose one of head"),
        ("temperature", "double_param", 0.5, "parameters.temperature is unknown"),
    ],
)
def test_a_value_that_does_not_fit_is_named(server: ModelServer, name: str, kind: str, value: object, message: str):
    with pytest.raises(grpc.RpcError) as refused:
        infer(server, request(name, kind, value))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert message in refused.value.details()


def test_a_parameter_without_a_value_is_refused(server: ModelServer):
    """As one of a kind that this server does not know arrives."""
    asked = pb.ModelInferRequest.FromString(grpc_request(["a film"]).SerializeToString())
    asked.parameters["truncation"].SetInParent()
    with pytest.raises(grpc.RpcError) as refused:
        infer(server, asked)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "parameters.truncation has no value; set one of bool_param" in refused.value.details()


TRITON = """
import sys
import numpy, tritonclient.grpc as triton
text = triton.InferInput("text", [1], "BYTES")
text.set_data_from_numpy(numpy.array([b"a film"], dtype=object))
with triton.InferenceServerClient(sys.argv[1]) as client:
    print(client.infer("sentiment", [text], priority=3).as_numpy("label")[0].decode())
    try:
        client.infer("sentiment", [text], parameters={"explain": 0.5})
    except triton.InferenceServerException as error:
        print(error.message())
"""


@pytest.mark.skipif(not TRITON_PYTHON, reason="CONFORMANCE_PYTHON names no interpreter with tritonclient")
def test_tritonclient_sends_the_newer_kinds(server: ModelServer):
    command = [TRITON_PYTHON, "-c", TRITON, server.grpc_target]
    run = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert run.returncode == 0, run.stderr
    label, refused = run.stdout.splitlines()
    assert label in ("positive", "negative") and refused == "parameters.explain is 0.5; send true or false"
