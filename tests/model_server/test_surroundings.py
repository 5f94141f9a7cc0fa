"""The server beside its answers: metrics, log, documentation, CORS, and modules that are not loaded."""

import json
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from kit.http_wire import ask
from kit.server_process import ModelServer, model_server
from kit.v2_requests import INFER, LENGTH_HEADER, grpc_request, json_request
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from model_server.metrics import ROUTES

ORIGIN = "https://page.example"  # as in conftest


def families(http: httpx.Client) -> dict[str, Metric]:
    response = http.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    return {family.name: family for family in text_string_to_metric_families(response.text)}


def value(http: httpx.Client, name: str, **labels: str) -> float:
    """A sample's value, summed over the labels that are not given."""
    found = [
        sample.value
        for family in families(http).values()
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
    assert found, name
    return sum(found)


def test_the_metrics_that_dashboards_ask_for(http):
    http.post("/predict", json={"text": "a film"})
    found = families(http)
    assert found["ml_predictions"].type == "counter"
    assert {sample.labels["sentiment"] for sample in found["ml_predictions"].samples} == {"negative", "positive"}
    duration = found["ml_prediction_duration_seconds"]
    assert duration.type == "histogram"
    bounds = [sample.labels["le"] for sample in duration.samples if sample.name.endswith("_bucket")]
    assert {"0.1", "0.5", "+Inf"} <= set(bounds)  # the health thresholds can be read exactly
    assert found["ml_confidence_score"].type == "gauge" and len(found["ml_confidence_score"].samples) == 1
    assert 0.5 <= found["ml_confidence_score"].samples[0].value <= 1
    release = found["ml_release_info"].samples[0].labels
    assert release == {"release": http.get("/health").json()["release_id"], "variant": "openvino-fp32"}
    for name in ("ml_ready", "ml_queue_depth", "ml_queue_age_seconds", "ml_log_lost", "process_resident_memory_bytes"):
        assert found[name].type == "gauge"


def test_errors_and_requests_share_their_labels(http):
    """`rate(ml_errors_total[5m]) / rate(ml_requests_total[5m])` matches series by series."""
    found = families(http)
    errors, requests = (
        {tuple(sorted(sample.labels.items())) for sample in found[name].samples}
        for name in ("ml_errors", "ml_requests")
    )
    assert errors == requests == {(("route", route),) for route in ROUTES}


def test_requests_and_predictions_are_counted(http, stub):
    names = ("ml_requests_total", "ml_predictions_total", "ml_errors_total", "ml_responses_total")
    before = {name: value(http, name) for name in names}
    assert http.post(INFER, json=json_request(["a", "b", "c"])).status_code == 200
    stub.ModelInfer(grpc_request(["a", "b"]))
    assert http.post(INFER, content=b"{").status_code == 400
    after = {name: value(http, name) for name in names}
    assert {name: after[name] - before[name] for name in names} == {
        "ml_requests_total": 3,
        "ml_predictions_total": 5,
        "ml_errors_total": 0,  # a client's mistake is not the server's
        "ml_responses_total": 3,
    }


def test_labels_never_come_from_what_a_client_sent(http):
    for path in ("/v2/models/evil-name/infer", "/evil-path", "/v1/models/evil-name:predict"):
        assert http.post(path, json=json_request(["a"])).status_code == 404
    assert "evil" not in http.get("/metrics").text


@pytest.mark.parametrize(("origin", "allowed"), [(ORIGIN, ORIGIN), ("https://other.example", None)])
def test_refusals_of_the_http_layer_are_counted_and_shown_to_the_configured_origin(http, server, origin, allowed):
    too_large = f"POST /predict HTTP/1.1\r\nHost: x\r\nOrigin: {origin}\r\nContent-Length: 999999999\r\n\r\n"
    before = [value(http, "ml_http_refusals_total", status=status) for status in ("413", "400")]
    refused = ask(server.http_port, too_large.encode())
    assert (refused.status, refused.headers.get("access-control-allow-origin")) == (413, allowed)
    assert ask(server.http_port, b"NONSENSE\r\n\r\n").status == 400
    after = [value(http, "ml_http_refusals_total", status=status) for status in ("413", "400")]
    assert after == [before[0] + 1, before[1] + 1]


@pytest.mark.parametrize(("origin", "allowed"), [(ORIGIN, True), ("https://other.example", False), (None, False)])
def test_cors_is_for_the_configured_origin_only(http, origin, allowed):
    headers = {"Origin": origin} if origin else {}
    answer = http.post("/predict", json={"text": "a"}, headers=headers)
    assert answer.status_code == 200
    assert answer.headers.get("access-control-allow-origin") == (origin if allowed else None)
    if origin:
        asked = headers | {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
        preflight = http.options("/predict", headers=asked)
        assert (preflight.status_code == 200) == allowed
        assert ("access-control-allow-origin" in preflight.headers) == allowed


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/predict", b'{"text": "a"}', 200),
        ("POST", "/predict", b'{"text": ""}', 400),
        ("GET", "/predict", b"", 405),
        ("GET", "/no/such", b"", 404),
        ("POST", INFER, b"{", 400),
        ("HEAD", "/health", b"", 200),
    ],
)
def test_a_page_can_read_errors_and_the_protocols_headers_too(http, method, path, body, status):
    answer = http.request(method, path, content=body, headers={"Origin": ORIGIN})
    assert answer.status_code == status and answer.headers["access-control-allow-origin"] == ORIGIN
    exposed = {name.strip().lower() for name in answer.headers["access-control-expose-headers"].split(",")}
    assert exposed >= {LENGTH_HEADER.lower(), "retry-after", "server-timing", "allow", "www-authenticate"}
    # Fetch lets every page read these (CORS-safelisted); the rest belongs to the connection or to CORS itself.
    safe = {"content-type", "content-length", "cache-control", "vary", "connection"}
    assert {name for name in answer.headers if not name.startswith("access-control-")} <= exposed | safe


def test_documentation(http):
    assert http.get("/docs").status_code == 200
    document: dict[str, Any] = http.get("/openapi.json").json()
    assert {"/predict", "/feedback", "/health", "/metrics"} <= set(document["paths"])
    body = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["required"] == ["text"] and {"text", "return_probabilities", "truncation", "explain"} == set(
        body["properties"]
    )


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_modules_that_serving_does_not_need_are_not_loaded(server):
    maps = Path(f"/proc/{server.process.pid}/maps").read_text()
    assert "openvino" in maps and "libtorch" not in maps and "transformers" not in maps
    assert "/pandas/" not in maps and "/pyarrow/" not in maps  # what `import kserve` would bring


def test_requests_leave_no_line_unless_asked_for_and_never_a_text(server, http, serving, tmp_path):
    text = "unmistakable words"
    http.post("/predict", json={"text": text})
    assert text not in server.output and '"route"' not in server.output
    with model_server(serving, tmp_path, ACCESS_LOG="true", LOG_TEXT="hash") as talkative:
        httpx.post(f"{talkative.url}/predict", json={"text": text}, trust_env=False)
        httpx.post(f"{talkative.url}/predict", json={"txt": text}, trust_env=False)
        assert talkative.stop() == 0
        lines = [line[line.index("{") :] for line in talkative.output.splitlines() if "model_server.access" in line]
        assert text not in talkative.output
        assert text.encode() not in (tmp_path / "log.db").read_bytes()
    logged = [json.loads(line) for line in lines]
    assert [(line["route"], line["status"], line.get("error")) for line in logged] == [
        ("predict", "200", None),
        ("predict", "400", "InvalidInput"),
    ]
    assert all(line["ms"] >= 0 for line in logged)


def test_it_starts_quietly(server: ModelServer):
    """No forks under gRPC's feet, no warnings."""
    start = server.output.partition("REST on")[0]
    assert "ready in" in start
    assert "fork" not in start and "WARNING" not in start
