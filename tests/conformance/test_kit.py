"""The kit itself: its protobufs are the protocol's, and a server that is wrong does not pass."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.protobuf import descriptor_pb2
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from rich.console import Console

import conformance.checks  # noqa: F401  (registers them)
from conformance.__main__ import arguments, make_target
from conformance.check import BASES, CHECKS, Failed, run
from conformance.protos import HEALTH_PB, PB, REFLECTION_PB
from conformance.report import print_table, write_json
from conformance.target import Target
from conformance.tensors import refused

Fields = dict[str, tuple[int, bool, str]]


def fields_of(message: Any) -> Fields:
    """Number, repeated or not, and type of each field; an enum is a varint as INT32 is."""
    described = descriptor_pb2.DescriptorProto()
    message.DESCRIPTOR.CopyToProto(described)
    names = descriptor_pb2.FieldDescriptorProto.Type
    return {
        field.name: (
            field.number,
            field.label == 3,
            names.Name(field.type).removeprefix("TYPE_").replace("ENUM", "INT32"),
        )
        for field in described.field
    }


def equal_where_described(ours: Fields, theirs: Fields) -> None:
    assert ours and {name: theirs[name] for name in ours} == ours


def test_the_kits_protobufs_are_those_of_the_protocol():
    nested = {"InferInputTensor", "InferRequestedOutputTensor"}
    for name, message in PB.items():
        owner = pb.ModelInferRequest if name in nested else pb.ModelInferResponse
        theirs = getattr(pb, name, None) or getattr(owner, name, None) or getattr(pb.ModelMetadataResponse, name, None)
        if theirs is None:
            assert "Index" in name, name  # KServe has no repository index
        elif fields_of(theirs):
            equal_where_described(fields_of(message), fields_of(theirs))
    for name, message in HEALTH_PB.items():
        equal_where_described(fields_of(message), fields_of(getattr(health_pb2, name)))
    for messages in REFLECTION_PB.values():
        for name, message in messages.items():
            equal_where_described(fields_of(message), fields_of(getattr(reflection_pb2, name)))


def test_the_kits_index_messages_match_the_servers():
    from model_server.rpc.messages import pb

    equal_where_described(fields_of(PB["RepositoryIndexRequest"]), fields_of(pb.RepositoryIndexRequest))
    equal_where_described(fields_of(PB["ModelIndex"]), fields_of(pb.RepositoryIndexResponse.ModelIndex))


@pytest.fixture(
    params=[(200, b"{}"), (500, b"broken"), (200, b'{"outputs": [{"name": "a"}]}'), (400, b'{"error": ""}')]
)
def wrong_server(request: pytest.FixtureRequest) -> Iterator[str]:
    """A server that has one answer to everything, and claims every extension."""
    status, body = request.param
    metadata = {"name": "wrong", "version": "1", "extensions": ["binary_tensor_data", "classification"]}
    tensor = {"name": "text", "datatype": "BYTES", "shape": [-1]}
    model = {"name": "m", "platform": "p", "inputs": [tensor], "outputs": [{**tensor, "name": "label"}]}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            document = {"/v2": metadata, "/v2/models/m": model}.get(self.path)
            self.answer(200 if document else status, json.dumps(document).encode() if document else body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.answer(status, body)

        def answer(self, code: int, raw: bytes) -> None:
            self.send_response(code)
            self.send_header("Content-Length", str(len(raw)))
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


# What even such a server does: it is live, and describes itself.
HARMLESS = {"rest.live", "rest.ready", "rest.model-ready", "rest.server-metadata", "rest.model-metadata"}


def test_a_wrong_server_passes_no_check_of_its_answers(wrong_server):
    target = Target(wrong_server, None, "m", timeout=5)
    groups = ("REST: infer", "REST: datatypes and shapes", "REST: binary tensors", "REST: health and metadata")
    rows = run(target, [check for check in CHECKS if check.group in groups])
    assert {row.name for row in rows if row.outcome == "pass"} <= HARMLESS
    assert all(row.reason for row in rows if row.outcome != "pass")


def test_without_an_address_the_grpc_checks_are_skipped(wrong_server):
    target = Target(wrong_server, None, "m", timeout=5)
    rows = run(target, [check for check in CHECKS if check.name in ("grpc.live", "grpc.compressed", "health.v1.watch")])
    assert [(row.outcome, row.reason) for row in rows] == [("skip", "no gRPC address was given")] * 3


def test_the_report_is_a_table_and_json(wrong_server, tmp_path: Path):
    target = Target(wrong_server, None, "m", timeout=5)
    rows = run(target, [check for check in CHECKS if check.name in ("rest.live", "rest.infer", "grpc.live")])
    console = Console(record=True, width=200)
    print_table(rows, console, everything=True)
    output = console.export_text()
    assert "rest.infer (OIP REST, Inference Response)" in output and "all" in output
    write_json(rows, tmp_path / "rows.json", target.server_metadata)
    document = json.loads((tmp_path / "rows.json").read_text())
    assert document["server"]["name"] == "wrong" and len(document["checks"]) == 3
    assert sum(document["summary"]["protocol"]["total"].values()) == 3
    assert document["summary"]["practice"] == {"total": {}, "groups": {}}


def test_every_check_has_a_section_and_a_unique_name():
    assert len({check.name for check in CHECKS}) == len(CHECKS) > 150
    assert all(check.section and check.group for check in CHECKS)
    assert {check.basis for check in CHECKS} == set(BASES)


LABEL = {"name": "label", "datatype": "BYTES", "shape": [-1]}


@pytest.mark.parametrize(
    ("declared", "shape", "outputs"),
    [
        ([LABEL, LABEL | {"name": "more"}], [3], [LABEL, LABEL | {"name": "more"}]),
        ([], [3], [LABEL]),
        ([LABEL | {"name": "labels"}], [3, 1], [LABEL | {"shape": [-1, 1]}]),
    ],
)
def test_outputs_come_from_the_answer_when_none_is_declared(declared, shape, outputs):
    target = Target("http://server", None, "m", "text")

    def answer(request: httpx.Request) -> httpx.Response:
        document = {"outputs": declared if request.method == "GET" else [LABEL | {"shape": shape}]}
        return httpx.Response(200, json=document)

    target.http = httpx.Client(base_url=target.rest, transport=httpx.MockTransport(answer))
    assert target.outputs == outputs
    assert target.declared_outputs == declared


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (200, {"error": "no"}, "answered 200 .*; expected 400"),
        (422, {"detail": []}, "422, and its body is .* expected {'error'"),
        (422, {"error": "no"}, "answered 422 'no'; expected 400"),
    ],
)
def test_a_refusal_is_judged_by_its_body_before_its_status(status, body, message):
    with pytest.raises(Failed, match=message):
        refused(httpx.Response(status, json=body), 400)
    assert refused(httpx.Response(400, json={"error": "no"}), 400) == "no"


def test_the_arguments_name_the_servers():
    given = arguments().parse_args(
        "--rest http://a --grpc b:1 --model m --loading http://c d:2 --extension x --max-body-bytes 9".split()
    )
    target = make_target(given)
    assert (target.rest, target.grpc, target.max_body_bytes, target.assumed) == ("http://a", "b:1", 9, ("x",))
    assert target.loading is not None and (target.loading.rest, target.loading.model) == ("http://c", "m")
    assert target.overloadable is None
