"""A server's life: started without a database, stopped under load or while loading, left by its clients."""

import json
import shutil
import signal
import socket
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc
import httpx
import numpy as np
import pytest
from kit.server_process import ModelServer, model_server, wait_for
from kit.v2_requests import INFER, grpc_request, json_request, read_rest, read_rpc
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub

from model_release import ReleaseStore
from prediction_log import upgrade
from prediction_log.ingest.replay import replay
from prediction_log.ingest.spill_store import SpillStore

TEXTS = ["a wonderful film", "dull and tedious", "the plot " * 20]


def logged_ids(server: ModelServer) -> list[str]:
    with closing(sqlite3.connect(server.database_url.removeprefix("sqlite:///"))) as database:
        return [row[0] for row in database.execute("SELECT id FROM predictions")]


class Load(threading.Thread):
    """One client that asks on one connection until the server refuses it."""

    def __init__(self, server: ModelServer, transport: str) -> None:
        super().__init__(daemon=True)
        self._server, self._transport = server, transport
        self.ids: list[str] = []
        self.broken: list[Exception] = []

    def run(self) -> None:
        getattr(self, f"_{self._transport}")()

    def _rest(self) -> None:
        with httpx.Client(base_url=self._server.url, trust_env=False, timeout=60) as client:
            while True:
                try:
                    response = client.post(INFER, json=json_request(TEXTS, ["prediction_id"]))
                    self.ids.extend(read_rest(response)["prediction_id"].tolist())
                except httpx.ConnectError:
                    return
                except Exception as error:  # a reset, half an answer, a refusal of a ready server
                    self.broken.append(error)
                    return

    def _grpc(self) -> None:
        with grpc.insecure_channel(self._server.grpc_target) as channel:
            stub = GRPCInferenceServiceStub(channel)
            while True:
                try:
                    outputs = read_rpc(stub.ModelInfer(grpc_request(TEXTS, ["prediction_id"]), timeout=60))
                    self.ids.extend(outputs["prediction_id"].tolist())
                except grpc.RpcError as error:
                    if error.code() is not grpc.StatusCode.UNAVAILABLE:
                        self.broken.append(error)
                    return


def test_sigterm_under_load_answers_and_logs_all_that_was_taken(serving, tmp_path):
    with model_server(serving, tmp_path) as server:
        clients = [Load(server, transport) for transport in ("rest", "grpc") for _ in range(3)]
        for client in clients:
            client.start()
        wait_for(lambda: all(len(client.ids) > 30 for client in clients), "load")
        assert server.stop() == 0
        for client in clients:
            client.join(30)
    assert [client.broken for client in clients] == [[]] * len(clients), server.output
    answered = [one for client in clients for one in client.ids]
    logged = logged_ids(server)
    assert len(set(answered)) == len(answered) and len(set(logged)) == len(logged)
    assert set(answered) == set(logged)  # what was logged was answered too
    assert "0 lost" in server.output and "Traceback" not in server.output


def test_while_it_drains_it_says_so_and_still_answers(serving, tmp_path):
    with model_server(serving, tmp_path, SHUTDOWN_DELAY_SECONDS="1.5") as server:
        server.process.send_signal(signal.SIGTERM)
        wait_for(lambda: not server.ready(), "readiness off")
        with httpx.Client(base_url=server.url, trust_env=False) as client:
            assert client.get("/v2/health/live").status_code == 200
            assert client.get("/v2/models/sentiment/ready").status_code == 503
            assert client.get("/health").json()["status"] == "draining"
            assert client.post(INFER, json=json_request(TEXTS)).status_code == 200
        assert server.process.wait(120) == 0


def test_sigterm_while_loading_ends_cleanly(serving, tmp_path):
    server = ModelServer(serving, tmp_path)
    try:
        wait_for(lambda: "golden" in server.output or listens(server), "the port")
        assert server.stop() == 0
        assert "Traceback" not in server.output
    finally:
        server.process.kill()


def listens(server: ModelServer) -> bool:
    try:
        return httpx.get(f"{server.url}/v2/health/live", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def test_without_a_database_it_serves_and_keeps_the_rows(serving, tmp_path):
    nowhere = "postgresql://nobody@127.0.0.1:9/none"
    with model_server(serving, tmp_path, DATABASE_URL=nowhere) as server:
        answers = httpx.post(f"{server.url}{INFER}", json=json_request(TEXTS, ["prediction_id"]), trust_env=False)
        ids = read_rest(answers)["prediction_id"].tolist()
        feedback = {"prediction_id": ids[0], "label": "positive"}
        refused = httpx.post(f"{server.url}/feedback", json=feedback, trust_env=False, timeout=60)
        assert refused.status_code == 503 and "retry-after" in refused.headers and "later" in refused.json()["error"]
        assert server.stop() == 0
    journal = b"".join(path.read_bytes() for path in server.spill.rglob("*") if path.is_file())
    assert all(one.encode() in journal for one in ids)
    assert "Traceback" not in server.output and "0 lost" in server.output
    with model_server(
        serving, tmp_path, DATABASE_URL=f"sqlite:///{tmp_path}/log.db"
    ) as second:  # the same spill folder
        wait_for(lambda: set(ids) <= set(logged_ids(second)), "the replay")
        assert second.stop() == 0
    assert sorted(logged_ids(second)) == sorted(ids)


def test_without_a_database_the_rows_outlive_the_pod_and_its_disk(serving, tmp_path):
    nowhere, uri = "postgresql://nobody@127.0.0.1:9/none", str(tmp_path / "mirror")
    with model_server(serving, tmp_path / "pod", DATABASE_URL=nowhere, SPILL_URI=uri) as server:
        answers = httpx.post(f"{server.url}{INFER}", json=json_request(TEXTS, ["prediction_id"]), trust_env=False)
        ids = read_rest(answers)["prediction_id"].tolist()
        assert server.stop() == 0
    metrics = {"ml_log_mirrored_rows", "ml_log_mirrored_bytes", "ml_log_mirror_failures", "ml_log_adopted"}
    shutil.rmtree(tmp_path / "pod")
    database = f"sqlite:///{tmp_path}/other/log.db"
    upgrade(database)
    assert replay(database, SpillStore(uri)).rows == len(ids)
    with model_server(serving, tmp_path / "other", DATABASE_URL=database, SPILL_URI=uri) as second:
        shown = httpx.get(f"{second.url}/metrics", trust_env=False).text
        assert all(f"\n{name} " in shown for name in metrics)
        assert second.stop() == 0
    assert sorted(logged_ids(second)) == sorted(ids)


def test_torch_gives_the_same_answers_and_kserves_other_flags_are_taken(tiny_release, serving, tmp_path, http):
    uri, release_id = tiny_release
    folder = ReleaseStore(uri).fetch("sentiment", release_id, tmp_path / "fetched", only=("serving/", "torch/"))
    flags = ["--variant", "torch", "--workers", "1", "--enable_grpc", "true", "--predictor_host=somewhere"]
    with model_server(folder, tmp_path, *flags) as server, httpx.Client(base_url=server.url, trust_env=False) as torch:
        asked = json_request(TEXTS, ["label", "probabilities"])
        one, two = read_rest(torch.post(INFER, json=asked)), read_rest(http.post(INFER, json=asked))
        np.testing.assert_allclose(one["probabilities"], two["probabilities"], atol=1e-4)
        assert one["label"].tolist() == two["label"].tolist()
        assert torch.get("/health").json()["variant"] == "torch"
        server.process.send_signal(signal.SIGINT)  # as good as SIGTERM
        assert server.process.wait(120) == 0


def test_files_missing_from_serving_come_from_the_store(tiny_release, serving, tmp_path, http):
    fetched = tmp_path / "tmp"
    fetched.mkdir()
    settings = {"VARIANT": "torch", "RELEASES_URI": tiny_release[0], "TMPDIR": str(fetched)}
    with model_server(serving, tmp_path, **settings) as server:
        asked = json_request(TEXTS, ["probabilities"])
        answer = httpx.post(f"{server.url}{INFER}", json=asked, trust_env=False)
        expected = read_rest(http.post(INFER, json=asked))["probabilities"]
        np.testing.assert_allclose(read_rest(answer)["probabilities"], expected, atol=1e-4)
        assert (next(fetched.glob("release-*")) / tiny_release[1] / "torch/model.safetensors").is_file()
        assert server.stop() == 0
    assert not list(fetched.glob("release-*"))
    assert "engine: torch on cpu, 0 CUDA graphs" in server.output or "engine: torch on cuda" in server.output


def metric(client: httpx.Client, name: str) -> float:
    lines = [line for line in client.get("/metrics").text.splitlines() if line.startswith(f"{name} ")]
    return float(lines[0].split()[1])


@pytest.fixture(scope="module")
def slow(serving: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One row a batch, so that a request of many texts keeps the engine busy for a while."""
    work = tmp_path_factory.mktemp("slow")
    with model_server(serving, work, MAX_BATCH_TOKENS="8", MAX_QUEUE_TEXTS="20000", MAX_TEXTS="20000") as server:
        yield server


MANY = ["the plot " * 40] * 12_000


def assert_work_stops(client: httpx.Client, rows_before: float) -> None:
    """The texts that wait go, and most of them never reach the engine."""
    wait_for(lambda: metric(client, "ml_queue_depth") == 0, "the queue's end")
    assert metric(client, "ml_batch_rows_sum") - rows_before < len(MANY)
    assert len(read_rest(client.post(INFER, json=json_request(["a"])))) == 3


def test_a_closed_rest_connection_takes_its_texts_out_of_the_queue(slow):
    with httpx.Client(base_url=slow.url, trust_env=False, timeout=60) as client:
        before = metric(client, "ml_batch_rows_sum")
        body = json.dumps(json_request(MANY)).encode()
        with closing(socket.create_connection(("127.0.0.1", slow.http_port))) as wire:
            wire.sendall(f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            wait_for(lambda: metric(client, "ml_queue_depth") > 0, "waiting texts")
        assert_work_stops(client, before)
        responses = client.get("/metrics").text
        assert 'ml_responses_total{route="v2-rest",status="499"} 1.0' in responses
    assert "Traceback" not in slow.output


def test_a_cancelled_grpc_call_takes_its_texts_out_of_the_queue(slow):
    with (
        httpx.Client(base_url=slow.url, trust_env=False, timeout=60) as client,
        grpc.insecure_channel(slow.grpc_target) as channel,
    ):
        before = metric(client, "ml_batch_rows_sum")
        running = GRPCInferenceServiceStub(channel).ModelInfer.future(grpc_request(MANY))
        wait_for(lambda: metric(client, "ml_queue_depth") > 0, "waiting texts")
        running.cancel()
        assert_work_stops(client, before)
    assert "Traceback" not in slow.output


def test_a_grpc_deadline_takes_its_texts_out_of_the_queue(slow):
    """Deadlines of 1, 2, 4, … s, until one passes while its texts wait rather than before they are tokenised."""
    with (
        httpx.Client(base_url=slow.url, trust_env=False, timeout=60) as client,
        grpc.insecure_channel(slow.grpc_target) as channel,
    ):
        stub, waited, deadline = GRPCInferenceServiceStub(channel), False, 1.0
        while not waited:
            wait_for(lambda: metric(client, "ml_queue_depth") == 0, "an idle server")
            before = metric(client, "ml_batch_rows_sum")
            running = stub.ModelInfer.future(grpc_request(MANY), timeout=deadline)
            while not running.done():
                waited = metric(client, "ml_queue_depth") > 0 or waited
            deadline *= 2
        assert running.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert_work_stops(client, before)
    assert "Traceback" not in slow.output


def test_an_overloaded_server_answers_at_once(serving, tmp_path):
    with (
        model_server(serving, tmp_path, MAX_QUEUE_TEXTS="1", MAX_TEXTS="20000", MAX_BATCH_TOKENS="8") as server,
        httpx.Client(base_url=server.url, trust_env=False, timeout=60) as client,
        grpc.insecure_channel(server.grpc_target) as channel,
    ):
        stub = GRPCInferenceServiceStub(channel)
        running = stub.ModelInfer.future(grpc_request(["the plot " * 40] * 5000))
        wait_for(lambda: metric(client, "ml_queue_depth") > 1, "a full queue")
        refused = client.post(INFER, json=json_request(["a"]))
        assert refused.status_code == 429 and int(refused.headers["retry-after"]) >= 1
        with pytest.raises(grpc.RpcError) as error:
            stub.ModelInfer(grpc_request(["a"]))
        assert error.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert int(dict(error.value.trailing_metadata())["retry-after"]) >= 1
        running.cancel()
        wait_for(lambda: metric(client, "ml_queue_depth") == 0, "room")
        assert client.post(INFER, json=json_request(["a"])).status_code == 200
