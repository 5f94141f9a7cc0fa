"""The averager as a process, behind it a router and two servers of different releases."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from kit.factories import make_release
from kit.graph_router import graph_router
from kit.server_process import ModelServer, free_port, model_server, wait_for
from kit.v2_requests import INFER, LENGTH_HEADER, binary_request, json_request, read_rest

from model_server.average.app import refusal
from model_server.errors import BadGateway, InvalidInput, Overloaded, Unavailable

TEXTS = ["a wonderful warm film", "dull and tedious", "the plot " * 40, "Fünf Sterne 🎬", "x"]


class Averager:
    """`python -m model_server.average` on a free port, its output in `<work>/averager.log`."""

    def __init__(self, work: Path, **environment: str) -> None:
        self.port, self._output = free_port(), work / "averager.log"
        settings = {"HOST": "127.0.0.1", "HTTP_PORT": str(self.port)}
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "model_server.average"],
                env=os.environ | settings | environment,
                stdout=output,
                stderr=output,
            )
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", trust_env=False, timeout=60)

    @property
    def output(self) -> str:
        return self._output.read_text()

    def live(self) -> bool:
        assert self.process.poll() is None, self.output
        try:
            return self.http.get("/v2/health/live").status_code == 200
        except httpx.HTTPError:
            return False

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(20)
        self.http.close()


@pytest.fixture(scope="module")
def servers(serving: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, ModelServer]]:
    """Two releases that differ: the suite's own, and one of another seed that takes few texts at once."""
    from model_release import ReleaseStore

    work = tmp_path_factory.mktemp("second")
    uri = str(work / "releases")
    other = ReleaseStore(uri).fetch("sentiment", make_release(uri, seed=7), work / "fetched") / "serving"
    with (
        model_server(serving, work / "champion") as champion,
        model_server(other, work / "b", MAX_TEXTS="8") as b,
    ):
        yield {"champion": champion, "b": b}


@pytest.fixture(scope="module")
def steps(servers: dict[str, ModelServer]) -> dict[str, str]:
    return {name: f"{server.url}{INFER}" for name, server in servers.items()}


@pytest.fixture(scope="module")
def averager(steps: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Averager]:
    with graph_router(steps) as url:
        running = Averager(tmp_path_factory.mktemp("averager"), GRAPH_URL=url)
        try:
            wait_for(running.live, "the averager's start")
            yield running
        finally:
            running.end()


@pytest.fixture(scope="module")
def expected(servers: dict[str, ModelServer]) -> np.ndarray:
    """The mean of the two servers' probabilities, each queried alone."""
    answers = []
    for server in servers.values():
        with httpx.Client(base_url=server.url, trust_env=False, timeout=60) as client:
            answers.append(read_rest(client.post(INFER, json=json_request(TEXTS)))["probabilities"].astype(float))
    assert np.abs(answers[0] - answers[1]).max() > 0.05, "the releases answer alike: their average would prove nothing"
    return np.mean(answers, axis=0)


def _check(outputs: dict[str, np.ndarray], expected: np.ndarray) -> None:
    np.testing.assert_allclose(outputs["probabilities"].astype(float), expected, atol=1e-6)
    np.testing.assert_allclose(outputs["confidence"].astype(float), expected.max(axis=1), atol=1e-6)
    assert outputs["label"].tolist() == ["positive" if row[1] >= 0.5 else "negative" for row in expected]


def test_the_answer_is_the_releases_average(averager, servers, expected):
    answer = averager.http.post(INFER, json=json_request(TEXTS) | {"id": "mine"})
    _check(read_rest(answer), expected)
    ids = {httpx.get(f"{server.url}/health", trust_env=False).json()["release_id"] for server in servers.values()}
    document = answer.json()
    assert document["id"] == "mine" and document["model_name"] == "sentiment"
    assert set(document["model_version"].split("+")) == ids and len(ids) == 2


def test_binary_tensors_pass_although_the_router_drops_their_header(averager, expected):
    body, headers = binary_request(TEXTS, ["label", "confidence", "probabilities"])
    answer = averager.http.post(INFER, content=body, headers=headers)
    assert LENGTH_HEADER in answer.headers
    _check(read_rest(answer), expected)


def test_only_the_outputs_asked_for_are_given(averager):
    answer = averager.http.post(INFER, json=json_request(["a film"], ["label"])).json()
    assert [output["name"] for output in answer["outputs"]] == ["label"]


@pytest.mark.parametrize(
    ("document", "status", "message"),
    [
        ({"inputs": []}, 400, "inputs"),
        (json_request(["a"], ["tokens"]), 400, "one release's own"),
        (json_request(["a"], parameters={"explain": True}), 400, "'attributions' is one release's own"),
        (
            json_request(["a"]) | {"outputs": [{"name": "probabilities", "parameters": {"classification": 1}}]},
            400,
            "a release's own extension",
        ),
        (json_request([" "]), 400, "text[0] is empty"),  # the releases' own words
        (json_request(["the plot " * 90], parameters={"truncation": "error"}), 400, "shorten it"),
        (json_request(["a film"] * 9), 413, "the limit is 8"),
    ],
)
def test_refusals_come_through(averager, document, status, message):
    answer = averager.http.post(INFER, json=document)
    assert answer.status_code == status and message in answer.json()["error"]


def test_it_speaks_of_itself(averager):
    http = averager.http
    assert http.get("/v2/health/ready").json() == {"ready": True}
    assert http.get("/v2/models/sentiment/ready").status_code == 200
    described = http.get("/v2/models/sentiment").json()
    assert [output["name"] for output in described["outputs"]] == ["label", "confidence", "probabilities"]
    assert http.get("/v2").json()["extensions"] == ["binary_tensor_data"]
    for path in ("/v2/models/other", "/nothing"):
        answer = http.get(path)
        assert answer.status_code == 404 and answer.json()["error"]
    assert http.post("/v2/models/other/infer", json=json_request(["a"])).status_code == 404
    assert http.get(INFER).status_code == 405


def test_a_release_that_is_away_fails_the_request_and_says_so(averager, steps):
    away = f"http://127.0.0.1:{free_port()}{INFER}"
    before, steps["b"] = steps["b"], away
    try:
        answer = averager.http.post(INFER, json=json_request(["a film"]))
    finally:
        steps["b"] = before
    assert answer.status_code == 502 and "Failed to process request" in answer.json()["error"]
    assert "Failed to process request" in averager.output


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (429, b'{"error": "full"}', Overloaded, "^full$"),
        (503, b'{"error": "draining"}', Unavailable, "^draining$"),
        (404, b'{"error": "no such model"}', BadGateway, "answered 404: no such model"),
        (500, b'{"error": "Failed", "cause": "EOF"}', BadGateway, "Failed: EOF"),
        (500, b"<html>", BadGateway, "500 without a reason"),
        (400, b"[]", InvalidInput, "400 without a reason"),
    ],
)
def test_a_refusal_of_the_graph_is_passed_on(status, body, kind, message):
    error = refusal(status, body)
    assert type(error) is kind and re.search(message, str(error))
    assert (error.retry_after is not None) == (status in (429, 503))


def test_without_its_graph_it_is_not_ready_and_answers_503(tmp_path):
    running = Averager(tmp_path, GRAPH_URL=f"http://127.0.0.1:{free_port()}")
    try:
        wait_for(running.live, "the averager's start")
        assert running.http.get("/v2/health/ready").status_code == 503
        assert running.http.get("/v2/models/sentiment/ready").status_code == 503
        answer = running.http.post(INFER, json=json_request(["a film"]))
        assert answer.status_code == 503 and "cannot be reached" in answer.json()["error"]
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(30) in (0, -signal.SIGTERM)
    finally:
        running.end()


@pytest.mark.parametrize("environment", [{}, {"GRAPH_URL": "graph:80"}])
def test_without_an_address_it_does_not_start(tmp_path, environment):
    running = Averager(tmp_path, **environment)
    try:
        assert running.process.wait(60) == 2 and "graph_url" in running.output
    finally:
        running.end()
