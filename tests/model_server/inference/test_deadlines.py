"""Deadlines and predicted waits of a real server: what is refused, with which code, and what is left to run."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from kit.server_process import ModelServer, model_server, wait_for
from kit.v2_requests import INFER, grpc_request, json_request, read_rest
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub

from model_server.errors import DeadlineExceeded, InvalidInput
from model_server.inference.deadlines import deadline_of, within

HEADER = "X-Request-Timeout"
V1 = "/v1/models/sentiment:predict"
LATE = 'ml_refused_texts_total{reason="deadline"}'
MANY = ["the plot " * 40] * 6000


@pytest.mark.parametrize(
    "header", ["", "0", "0.0", "-1", "abc", "1e3", "inf", "nan", "1,5", " 1", "9" * 9, "1." + "0" * 12]
)
def test_an_invalid_timeout_is_named(header):
    with pytest.raises(InvalidInput, match="X-Request-Timeout"):
        deadline_of(header, 0.0)


def test_timeouts_count_from_the_first_byte():
    assert deadline_of(None, 0.0) is None
    for header, seconds in [("2", 2.0), ("0.25", 0.25), ("999999", 999999.0)]:
        assert deadline_of(header, 100.0) == 100.0 + seconds


async def test_another_timeout_inside_is_not_taken_for_the_deadline():
    with pytest.raises(TimeoutError, match="mine"):
        async with within(time.monotonic() + 60):
            raise TimeoutError("mine")
    with pytest.raises(DeadlineExceeded):
        async with within(time.monotonic() - 1):
            pass


@pytest.fixture(scope="module")
def slow(serving: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    """One row a batch and a short budget."""
    limits = {"MAX_BATCH_TOKENS": "8", "MAX_QUEUE_TEXTS": "20000", "MAX_TEXTS": "20000", "MAX_WAIT_SECONDS": "0.05"}
    with model_server(serving, tmp_path_factory.mktemp("slow"), **limits) as server:
        yield server


@pytest.fixture
def client(slow: ModelServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=slow.url, trust_env=False, timeout=60) as client:
        wait_for(lambda: metric(client, "ml_queue_depth") == 0, "an idle server")
        yield client


@pytest.fixture
def rpc(slow: ModelServer) -> Iterator[Any]:
    with grpc.insecure_channel(slow.grpc_target) as channel:
        yield GRPCInferenceServiceStub(channel)


def metric(client: httpx.Client, name: str) -> float:
    lines = [line for line in client.get("/metrics").text.splitlines() if line.startswith(f"{name} ")]
    return float(lines[0].split()[1])


@pytest.fixture
def busy(client: httpx.Client, rpc: Any) -> Iterator[None]:
    """Some thousand texts wait."""
    running = rpc.ModelInfer.future(grpc_request(MANY))
    wait_for(lambda: metric(client, "ml_queue_depth") > 1000, "a backlog")
    yield
    running.cancel()
    wait_for(lambda: metric(client, "ml_queue_depth") == 0, "its end")


def test_a_wait_over_the_budget_is_refused_with_the_time_it_takes(slow, client, rpc, busy):
    assert metric(client, "ml_predicted_wait_seconds") > 0.05 and metric(client, "ml_drain_tokens_per_second") > 0
    before = metric(client, 'ml_refused_texts_total{reason="wait"}')
    for answer in (
        client.post(INFER, json=json_request(["a"])),
        client.post("/predict", json={"text": "a"}),
        client.post(V1, json={"instances": ["a"]}),
    ):
        assert answer.status_code == 429 and 1 <= int(answer.headers["retry-after"]) <= 60
        assert "wait is about" in answer.json()["error"]
    with pytest.raises(grpc.RpcError) as refused:
        rpc.ModelInfer(grpc_request(["a"]))
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    trailing = dict(refused.value.trailing_metadata())
    assert int(trailing["grpc-retry-pushback-ms"]) == 1000 * int(trailing["retry-after"]) >= 1000
    assert metric(client, 'ml_refused_texts_total{reason="wait"}') == before + 4
    assert "Traceback" not in slow.output


def test_a_deadline_before_its_turn_is_answered_at_once(slow, client, rpc, busy):
    before = metric(client, LATE)
    for path, body in [(INFER, json_request(["a"])), ("/predict", {"text": "a"}), (V1, {"instances": ["a"]})]:
        seconds = metric(client, "ml_predicted_wait_seconds") / 4
        answer = client.post(path, json=body, headers={HEADER: f"{seconds:.6f}"})
        assert answer.status_code == 504 and "error" in answer.json()
    assert metric(client, LATE) == before + 3
    with pytest.raises(grpc.RpcError) as refused:
        rpc.ModelInfer(grpc_request(["a"]), timeout=metric(client, "ml_predicted_wait_seconds") / 4)
    assert refused.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    wait_for(lambda: metric(client, LATE) == before + 4, "its count")
    assert metric(client, "ml_queue_depth") > 0  # they did not wait for their turn


def test_a_deadline_that_passes_takes_its_texts_out_of_the_queue(slow, client):
    """Deadlines of 1, 2, 4, … s, until one passes while its texts wait rather than before they are tokenised."""
    seconds, rows, late = 1.0, metric(client, "ml_batch_rows_sum"), metric(client, LATE)
    while metric(client, "ml_batch_rows_sum") == rows:
        refused = client.post(INFER, json=json_request(MANY), headers={HEADER: f"{seconds}"})
        assert refused.status_code == 504 and "deadline" in refused.json()["error"]
        wait_for(lambda: metric(client, "ml_queue_depth") == 0, "the queue's end")
        late += len(MANY)  # each of its texts, once, whether it was refused, dropped or in the engine
        assert metric(client, LATE) == late
        seconds *= 2
        assert seconds < 100
    assert metric(client, "ml_batch_rows_sum") - rows < len(MANY)
    assert 'ml_responses_total{route="v2-rest",status="504"}' in client.get("/metrics").text
    assert "Traceback" not in slow.output


def test_a_grpc_deadline_counts_the_same_texts(slow, client, rpc):
    late, seconds, rows = metric(client, LATE), 1.0, metric(client, "ml_batch_rows_sum")
    while metric(client, "ml_batch_rows_sum") == rows:
        with pytest.raises(grpc.RpcError) as refused:
            rpc.ModelInfer(grpc_request(MANY), timeout=seconds)
        assert refused.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        late += len(MANY)
        wait_for(lambda late=late: metric(client, LATE) >= late, "their count")
        wait_for(lambda: metric(client, "ml_queue_depth") == 0, "the queue's end")
        assert metric(client, LATE) == late
        seconds *= 2
        assert seconds < 100


def test_time_enough_is_no_hindrance_and_a_bad_timeout_is_refused(client):
    for path, body in [(INFER, json_request(["a"])), ("/predict", {"text": "a"}), (V1, {"instances": ["a"]})]:
        assert client.post(path, json=body, headers={HEADER: "30"}).status_code == 200
        refused = client.post(path, json=body, headers={HEADER: "soon"})
        assert refused.status_code == 400 and HEADER in refused.json()["error"]
    assert len(read_rest(client.post(INFER, json=json_request(["a"])))) == 3
