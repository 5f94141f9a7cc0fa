"""Traces: continued in REST and gRPC, phases as children, failures marked, no text, and nothing of it when off."""

import hashlib
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import httpx
import pytest
from kit.otlp_collector import Collector, attributes, otlp_collector
from kit.server_process import ModelServer, model_server, run_to_end, wait_for
from kit.v2_requests import INFER, grpc_request, json_request
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from model_server.errors import StartError
from model_server.rpc.status import ended_early
from model_server.tracing.configure import make_tracing
from model_server.tracing.off import Untraced

SECRET = "quixotic"  # part of every text, path and name that the tests send
CALL = "inference.GRPCInferenceService/ModelInfer"


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with otlp_collector() as running:
        yield running


@pytest.fixture(scope="module")
def traced(serving: Path, collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "50"}
    with model_server(serving, tmp_path_factory.mktemp("traced"), **environment) as running:
        yield running


class Trace:
    """A client's trace: what it sends, and what of it arrives."""

    def __init__(self, collector: Collector, *, sampled: bool = True) -> None:
        self._collector = collector
        self.id, self.parent = secrets.token_hex(16), secrets.token_hex(8)
        self.header = {"traceparent": f"00-{self.id}-{self.parent}-0{int(sampled)}"}

    def server_span(self) -> Any:
        wait_for(lambda: any(span.kind == Span.SPAN_KIND_SERVER for span in self._spans()), "the server's span", 20)
        (span,) = (span for span in self._spans() if span.kind == Span.SPAN_KIND_SERVER)
        assert span.parent_span_id.hex() == self.parent
        return span

    def children(self) -> list[Any]:
        server = self.server_span()
        found = [span for span in self._spans() if span is not server]
        assert {span.parent_span_id for span in found} <= {server.span_id}
        for span in found:
            assert server.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano
            assert span.end_time_unix_nano <= server.end_time_unix_nano
        return sorted(found, key=lambda span: span.start_time_unix_nano)

    def _spans(self) -> list[Any]:
        return self._collector.of_trace(self.id)


@pytest.fixture
def trace(collector: Collector) -> Trace:
    return Trace(collector)


def rest(server: ModelServer, method: str, path: str, trace: Trace, **other: Any) -> httpx.Response:
    return httpx.request(method, server.url + path, headers=trace.header, trust_env=False, timeout=30, **other)


def rpc(server: ModelServer, call: str, request: Any, trace: Trace, timeout: float = 30) -> Any:
    with grpc.insecure_channel(server.grpc_target) as channel:
        ask = getattr(GRPCInferenceServiceStub(channel), call)
        return ask(request, timeout=timeout, metadata=list(trace.header.items()))


def test_a_rest_request_continues_its_trace(traced, trace):
    before = time.time_ns()
    assert rest(traced, "POST", INFER, trace, json=json_request([f"a {SECRET} film"])).status_code == 200
    span, after = trace.server_span(), time.time_ns()
    assert span.name == "POST /v2/models/{name}/infer"
    assert before <= span.start_time_unix_nano <= span.end_time_unix_nano <= after
    assert attributes(span) == {
        "http.request.method": "POST",
        "http.route": "/v2/models/{name}/infer",
        "http.response.status_code": 200,
        "url.scheme": "http",
        "url.path": INFER,
        "network.protocol.version": "1.1",
    }
    assert span.status.code == Status.STATUS_CODE_UNSET
    assert [child.name for child in trace.children()] == ["tokenise", "queue", "engine"]


def test_a_grpc_call_continues_its_trace(traced, trace):
    assert rpc(traced, "ModelInfer", grpc_request([f"a {SECRET} film"]), trace).outputs
    span = trace.server_span()
    assert span.name == CALL
    assert attributes(span) == {"rpc.system.name": "grpc", "rpc.method": CALL, "rpc.response.status_code": "OK"}
    assert [child.name for child in trace.children()] == ["tokenise", "queue", "engine"]


@pytest.mark.parametrize("path", ["/predict", "/v1/models/sentiment:predict", "/v1/models/sentiment:explain"])
def test_every_way_in_has_its_phases(traced, trace, path):
    body = {"text": f"a {SECRET}"} if path == "/predict" else {"instances": [f"a {SECRET}"]}
    assert rest(traced, "POST", path, trace, json=body).status_code == 200
    assert attributes(trace.server_span())["http.route"] == path.replace("sentiment", "{name}")
    names = [child.name for child in trace.children()]
    assert names[:3] == ["tokenise", "queue", "engine"]
    assert (len(names) > 3) == path.endswith(":explain"), "each round of an explanation queues again"


def test_a_request_without_a_trace_begins_one(traced, collector):
    seen = len(collector.spans)
    assert httpx.get(f"{traced.url}/v2/models/sentiment", trust_env=False).status_code == 200
    wait_for(lambda: len(collector.spans) > seen, "a span", 20)
    span = collector.spans[-1]
    assert (span.name, span.parent_span_id) == ("GET /v2/models/{name}", b"")
    resource = collector.resources[-1]
    assert (resource["service.name"], resource["service.instance.id"]) == ("sentiment-server", socket.gethostname())


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "name"),
    [
        ("POST", INFER, {"inputs": SECRET}, 400, "POST /v2/models/{name}/infer"),
        ("POST", f"/v2/models/{SECRET}/infer", json_request([SECRET]), 404, "POST /v2/models/{name}/infer"),
        ("GET", INFER, None, 405, "GET /v2/models/{name}/infer"),
        ("GET", f"/{SECRET}", None, 404, "GET"),
        ("PROPFIND", f"/{SECRET}", None, 404, "HTTP"),
    ],
)
def test_a_clients_mistake_is_no_failure_of_the_server(traced, trace, method, path, body, status, name):
    assert rest(traced, method, path, trace, json=body).status_code == status
    span = trace.server_span()
    found = attributes(span)
    assert (span.name, span.status.code) == (name, Status.STATUS_CODE_UNSET)
    assert found["http.response.status_code"] == status
    assert "error.type" not in found and "url.path" not in found


def test_a_failure_in_rest_is_marked(traced, trace):
    headers = trace.header | {"X-Request-Timeout": "0.000001"}
    answer = httpx.post(traced.url + INFER, json=json_request([SECRET]), headers=headers, trust_env=False)
    assert answer.status_code == 504
    span = trace.server_span()
    assert attributes(span)["error.type"] == "504"
    assert (span.status.code, span.status.message) == (Status.STATUS_CODE_ERROR, "")


@pytest.mark.parametrize(
    ("call", "request_", "code"),
    [
        ("ModelInfer", grpc_request([SECRET], model_name=SECRET), "NOT_FOUND"),
        ("ModelInfer", grpc_request([""]), "INVALID_ARGUMENT"),
        ("RepositoryModelUnload", pb.RepositoryModelUnloadRequest(model_name=SECRET), "UNIMPLEMENTED"),
    ],
)
def test_a_grpc_error_has_its_code(traced, trace, call, request_, code):
    with pytest.raises(grpc.RpcError) as refused:
        rpc(traced, call, request_, trace)
    assert refused.value.code().name == code
    span = trace.server_span()
    found = attributes(span)
    assert found["rpc.response.status_code"] == code
    failure = code == "UNIMPLEMENTED"
    assert found.get("error.type") == (code if failure else None)
    assert span.status.code == (Status.STATUS_CODE_ERROR if failure else Status.STATUS_CODE_UNSET)
    assert span.status.message == ""


def test_a_passed_deadline_in_grpc_is_marked(traced, trace):
    long = grpc_request([f"{SECRET} film " * 4000] * 64)
    with pytest.raises(grpc.RpcError):
        rpc(traced, "ModelInfer", long, trace, timeout=0.15)
    # The client's clock began first: its own end of the call may arrive just before the server sees the deadline.
    assert attributes(trace.server_span())["rpc.response.status_code"] in ("DEADLINE_EXCEEDED", "CANCELLED")


def test_a_cancelled_call_ends_by_its_deadline_or_by_its_client():
    late, left = (SimpleNamespace(time_remaining=lambda seconds=seconds: seconds) for seconds in (0.0, 1.5))
    assert ended_early(late) is grpc.StatusCode.DEADLINE_EXCEEDED
    assert ended_early(left) is grpc.StatusCode.CANCELLED


def test_probes_have_no_spans_and_an_unsampled_trace_stays_so(traced, collector):
    probe, unsampled, last = Trace(collector), Trace(collector, sampled=False), Trace(collector)
    for path in ("/", "/v2/health/ready", "/v2/health/live", "/health", "/metrics"):
        assert rest(traced, "GET", path, probe).status_code == 200
    rpc(traced, "ServerReady", pb.ServerReadyRequest(), probe)
    assert rest(traced, "POST", INFER, unsampled, json=json_request(["a film"])).status_code == 200
    assert rest(traced, "POST", INFER, last, json=json_request(["a film"])).status_code == 200
    last.server_span()  # spans are sent in order, so what came before has arrived
    assert not collector.of_trace(probe.id) and not collector.of_trace(unsampled.id)


def test_a_refused_caller_has_a_span(serving, collector, tmp_path):
    """Tracing runs before the guard, so that attacks are visible too."""
    keys = {"keys": [{"name": "page", "sha256": hashlib.sha256(b"key").hexdigest()}]}
    (tmp_path / "keys.json").write_text(json.dumps(keys))
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "50"}
    with model_server(serving, tmp_path, API_KEYS_FILE=str(tmp_path / "keys.json"), **environment) as guarded:
        by_rest, by_grpc = Trace(collector), Trace(collector)
        assert rest(guarded, "POST", INFER, by_rest, json=json_request([SECRET])).status_code == 401
        with pytest.raises(grpc.RpcError):
            rpc(guarded, "ModelInfer", grpc_request([SECRET]), by_grpc)
        assert attributes(by_rest.server_span())["http.response.status_code"] == 401
        assert attributes(by_grpc.server_span())["rpc.response.status_code"] == "UNAUTHENTICATED"
        assert not by_rest.children() and not by_grpc.children()


def test_no_text_has_left_in_any_span(traced, collector, trace):
    for method, path in (("GET", f"/v2/models/{SECRET}/"), ("GET", f"/{SECRET}"), ("OPTIONS", f"/v2/models/{SECRET}")):
        rest(traced, method, path, Trace(collector))
    rest(traced, "POST", INFER + f"?q={SECRET}", trace, json=json_request([SECRET], id=SECRET))
    trace.server_span()
    assert collector.spans and SECRET.encode() not in collector.raw.lower()


def test_the_last_spans_are_sent_when_the_server_stops(serving, collector, tmp_path):
    trace = Trace(collector)
    environment = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{collector.url}/v1/traces", "OTEL_SERVICE_NAME": "mine"}
    with model_server(serving, tmp_path, OTEL_BSP_SCHEDULE_DELAY="600000", **environment) as server:
        assert rest(server, "POST", INFER, trace, json=json_request(["a film"])).status_code == 200
        assert not collector.of_trace(trace.id)
        assert server.stop() == 0
    trace.server_span()
    assert collector.resources[-1]["service.name"] == "mine"


def test_a_collector_that_is_down_costs_spans_and_no_answers(serving, tmp_path, collector):
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_BSP_SCHEDULE_DELAY": "50"}
    with model_server(serving, tmp_path, **environment) as server:
        for _ in range(20):
            assert rest(server, "POST", INFER, Trace(collector), json=json_request([SECRET])).status_code == 200
        assert server.stop() == 0
        assert "opentelemetry" in server.output, "the log says that spans do not arrive"
        assert SECRET not in server.output and "Traceback" not in server.output


def test_off_imports_no_sdk_and_no_exporter(serving, tmp_path):
    with model_server(serving, tmp_path, PYTHONPROFILEIMPORTTIME="1") as server:
        assert httpx.post(server.url + INFER, json=json_request(["a film"]), trust_env=False).status_code == 200
        assert server.stop() == 0
    assert "model_server.tracing.configure\n" in server.output, "imports are listed"
    for package in ("opentelemetry", "fastapi", "model_server.tracing.spans"):
        assert package not in server.output


def test_a_missing_extra_is_named(serving, tmp_path, monkeypatch):
    absent = tmp_path / "opentelemetry/exporter/__init__.py"
    absent.parent.mkdir(parents=True)
    absent.write_text("raise ModuleNotFoundError(\"No module named 'opentelemetry.exporter'\")\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    code, output = run_to_end(serving, tmp_path / "work", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:4318")
    assert code == 2 and "Traceback" not in output
    assert "OTEL_EXPORTER_OTLP_ENDPOINT is set" in output and "sentiment-pipeline[serve,otel]" in output


ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
        ENDPOINT | {"OTEL_SDK_DISABLED": "true"},
        ENDPOINT | {"OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_settings_that_leave_tracing_off(environment):
    assert type(make_tracing(environment)) is Untraced


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"},
            "OTEL_EXPORTER_OTLP_ENDPOINT is 'collector:4318'; give http",
        ),
        (ENDPOINT | {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "OTEL_EXPORTER_OTLP_PROTOCOL is 'grpc'; .*http/protobuf"),
        (ENDPOINT | {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json"}, "TRACES_PROTOCOL is 'http/json'"),
        (ENDPOINT | {"OTEL_TRACES_EXPORTER": "console"}, "OTEL_TRACES_EXPORTER is 'console'; .*otlp"),
    ],
)
def test_an_unsupported_option_refuses_the_start(environment, message):
    with pytest.raises(StartError, match=message):
        make_tracing(environment)


MAKE = "from model_server.tracing.configure import make_tracing; make_tracing()"


def in_a_process(program: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """The SDK reads its variables when it is imported, once in a process."""
    run = [sys.executable, "-c", program]
    return subprocess.run(run, env=os.environ | environment, capture_output=True, text=True, timeout=240)


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"OTEL_PROPAGATORS": "b3"}, "OTEL_PROPAGATORS is 'b3': Propagator b3 not found. .*; install the package"),
        ({"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "abc"}, "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: .* but got abc; correct or"),
        ({"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "-1"}, "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: .* got -1; correct or unset"),
        ({"OTEL_BSP_SCHEDULE_DELAY": "-5"}, "OTEL_BSP_SCHEDULE_DELAY: schedule_delay_millis must be positive; correct"),
        (
            {"OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER": "nope"},
            "OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER: .*'nope'.*; correct or unset it",
        ),
    ],
)
def test_a_variable_that_the_sdk_refuses_is_named(environment: dict[str, str], message: str):
    ended = in_a_process(MAKE, ENDPOINT | environment)
    assert re.fullmatch(f"model_server.errors.StartError: {message}.*", ended.stderr.splitlines()[-1]), ended.stderr


def test_a_propagator_that_is_missing_does_not_matter_without_traces():
    """A cluster may set it for all programs."""
    ended = in_a_process(
        f"{MAKE}; import model_server.server, sys; print(sorted(sys.modules))", {"OTEL_PROPAGATORS": "b3"}
    )
    assert ended.returncode == 0, ended.stderr
    assert "'starlette'" in ended.stdout and "opentelemetry" not in ended.stdout
