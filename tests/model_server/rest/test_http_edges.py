"""The HTTP layer in the four programs: predictor, averager, monitor and page."""

import gzip
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from kit.http_wire import HOST, Answer, ask, wire
from kit.server_process import ModelServer, free_port, model_server, wait_for
from kit.v2_requests import INFER, LENGTH_HEADER, binary_request

UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"
PAGE = """
import sys
from pathlib import Path
from sentiment_cli.page.run import run
from sentiment_cli.settings import CliSettings

http_port, page_port, monitor_port, folder = sys.argv[1:]
settings = CliSettings(http_port=http_port, page_port=page_port, monitor_port=monitor_port, page_dir=Path(folder))
sys.exit(run(settings, ["sleep", "3600"]))
"""


class Edge(NamedTuple):
    """A program's port, and a path that answers GET with 200."""

    port: int
    path: bytes


@pytest.fixture(scope="module")
def edges(server: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Edge]]:
    """The four programs as processes; the page proxies to the predictor."""
    work = tmp_path_factory.mktemp("edges")
    (work / "dist").mkdir()
    (work / "dist/index.html").write_text("<!doctype html><title>Sentiment</title>")
    ports = {name: free_port() for name in ("averager", "monitor", "page")}
    surroundings = os.environ | {"DATABASE_URL": f"sqlite:///{work}/log.db", "RELEASES_URI": str(work / "releases")}
    averager = {"HOST": "127.0.0.1", "HTTP_PORT": str(ports["averager"]), "GRAPH_URL": "http://127.0.0.1:9"}
    page = [str(port) for port in (server.http_port, ports["page"], ports["monitor"])]
    commands = [
        ([sys.executable, "-m", "model_server.average"], surroundings | averager),
        ([sys.executable, "-c", PAGE, *page, str(work / "dist")], surroundings),
    ]
    with (work / "output").open("wb") as output:
        processes = [
            subprocess.Popen(command, env=environment, stdout=output, stderr=output)
            for command, environment in commands
        ]
    found = {
        "predictor": Edge(server.http_port, b"/v2"),
        "averager": Edge(ports["averager"], b"/v2"),
        "monitor": Edge(ports["monitor"], b"/healthz"),
        "page": Edge(ports["page"], b"/index.html"),
    }
    try:
        for name, edge in found.items():
            wait_for(lambda edge=edge: _answers(edge), name, 240)
        yield found
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(60)
    assert "Traceback" not in (work / "output").read_text()


def _answers(edge: Edge) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{edge.port}{edge.path.decode()}", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture(params=["predictor", "averager", "monitor", "page"])
def edge(request: pytest.FixtureRequest, edges: dict[str, Edge]) -> Edge:
    return edges[request.param]


def test_an_upgrade_offer_is_ignored(edge):
    get = b"GET " + edge.path + b" HTTP/1.1\r\n" + HOST
    hidden = b"GET /hidden HTTP/1.1\r\n" + HOST + b"\r\n"
    with wire(edge.port, get + UPGRADE + b"\r\n") as one:
        assert one.answer().status == 200
        one.send(get + UPGRADE + b"Content-Length: %d\r\n\r\n" % len(hidden) + hidden + get + b"\r\n")
        assert [one.answer().status, one.answer().status] == [200, 200]


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"A: " + b"x" * 40_000 + b"\r\n", 431),
        (b"A: x\r\n" * 150, 431),
        (b"Host: b.example\r\n", 400),
        (b"Expect: a miracle\r\n", 417),
    ],
)
def test_heads_are_bounded_and_judged(edge, head, status):
    answer = ask(edge.port, b"GET " + edge.path + b" HTTP/1.1\r\n" + HOST + head + b"\r\n")
    assert (answer.status, answer.headers["connection"]) == (status, "close") and answer.error


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GET /v2 HTTP/1.1\r\n\r\n", 400),
        (b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
        (b"NONSENSE\r\n\r\n", 400),
    ],
)
def test_malformed_requests_get_json(edge, raw, status):
    answer = ask(edge.port, raw)
    assert answer.status == status and answer.error


def test_a_client_that_ends_its_sending_side_is_answered(edge):
    with wire(edge.port, b"GET " + edge.path + b" HTTP/1.1\r\n" + HOST + b"\r\n") as one:
        one.socket.shutdown(socket.SHUT_WR)
        assert one.answer().status == 200


# --------------------------------------------------------------------------------------------------------- predictor


@pytest.mark.parametrize("name", ["predictor", "page"])
def test_curl_with_http2_and_a_body(edges, name):
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is not installed")
    url = f"http://127.0.0.1:{edges[name].port}/predict"
    command = [curl, "-sS", "--noproxy", "*", "--http2", "-w", "\n%{http_code}\n", url, "-d", '{"text":"a good film"}']
    out = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout.splitlines()
    assert out[1] == "200" and json.loads(out[0])["label"] in ("negative", "positive"), out


def test_blanks_around_the_length_of_the_json_part(server):
    body, headers = binary_request(["a film"])
    fields = HOST + f"{LENGTH_HEADER}: {headers[LENGTH_HEADER]} \t\r\nContent-Length: {len(body)} \r\n".encode()
    assert ask(server.http_port, f"POST {INFER} HTTP/1.1\r\n".encode() + fields + b"\r\n" + body).status == 200


def post(path: str, body: bytes, fields: bytes = b"", size: int | None = None) -> bytes:
    length = len(body) if size is None else size
    return f"POST {path} HTTP/1.1\r\n".encode() + HOST + fields + b"Content-Length: %d\r\n\r\n" % length + body


@pytest.mark.parametrize("path", [INFER, "/predict", "/v1/models/sentiment:predict"])
def test_a_timeout_counts_from_the_first_byte(server, path):
    """With a body that stalls it passes, and the connection ends; with time left, the answer comes."""
    with wire(server.http_port, post(path, b'{"te', b"X-Request-Timeout: 0.3\r\n", 50)) as one:
        answer = one.answer()
        assert (answer.status, answer.headers["connection"]) == (504, "close")
        assert "X-Request-Timeout" in answer.error
        assert one.ended()
    body = json.dumps({"text": "a film"}).encode()
    assert ask(server.http_port, post("/predict", body, b"X-Request-Timeout: 60\r\n")).status == 200
    assert "Traceback" not in server.output


def metric(server: ModelServer, name: str) -> float:
    lines = httpx.get(f"{server.url}/metrics", trust_env=False).text.splitlines()
    return next((float(line.split()[-1]) for line in lines if line.startswith(name + " ")), 0.0)


@pytest.fixture(scope="module")
def tight(serving: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    """A predictor with little time and memory for requests."""
    bounds = {
        "REQUEST_HEAD_SECONDS": "2",
        "REQUEST_BODY_SECONDS": "2",
        "MAX_BODY_BYTES": "100000",
        "MAX_BODIES_BYTES": "250000",
        "KEEP_ALIVE_SECONDS": "1",
        "MAX_CONNECTIONS": "16",
        "DRAIN_SECONDS": "60",
    }
    with model_server(serving, tmp_path_factory.mktemp("tight"), **bounds) as one:
        yield one


def test_the_settings_reach_the_server(tight):
    with wire(tight.http_port, post("/predict", b"{", size=50)) as slow:
        answer = slow.answer()
        assert answer.status == 408 and "2 s" in answer.error
    wait_for(lambda: metric(tight, 'ml_responses_total{route="predict",status="408"}') == 1, "its count")
    with wire(tight.http_port, b"GET /v2 HTTP/1.1\r\n" + HOST + b"\r\n") as idle:
        assert idle.answer().status == 200
        assert idle.ended()


def test_bodies_share_their_memory_before_and_after_gzip(tight):
    text = json.dumps({"text": "x" * 80_000}).encode()
    packed = gzip.compress(text)
    headers = {"Content-Encoding": "gzip"}
    stalled = post("/predict", b"x" * 90_000, size=90_001)
    with wire(tight.http_port, stalled), wire(tight.http_port, stalled) as held:
        assert httpx.get(f"{tight.url}/v2", trust_env=False).status_code == 200  # behind the uploads' first bytes
        answer = httpx.post(f"{tight.url}/predict", content=text, trust_env=False)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        answer = httpx.post(f"{tight.url}/predict", content=packed, headers=headers, trust_env=False)
        assert (answer.status_code, "memory" in answer.json()["error"]) == (503, True)
        assert held.send(b"x").answer().status == 400
    answer = httpx.post(f"{tight.url}/predict", content=packed, headers=headers, trust_env=False)
    assert answer.status_code == 200


def test_connections_over_the_limit_get_json(tight):
    with ExitStack() as open_ones:
        for _ in range(16):
            open_ones.enter_context(wire(tight.http_port, b"GET / HTTP/1.1\r\n"))
        answers: list[Answer] = []

        def refused() -> bool:
            answers.append(ask(tight.http_port, b"GET /v2 HTTP/1.1\r\n" + HOST + b"\r\n"))
            return answers[-1].status == 503

        wait_for(refused, "a full server")
        assert "connections" in answers[-1].error


def test_sigterm_in_a_stalled_upload_ends_soon_and_with_json(serving, tmp_path):
    with (
        model_server(serving, tmp_path, DRAIN_SECONDS="60", REQUEST_BODY_SECONDS="600") as server,
        wire(server.http_port, post(INFER, b'{"inputs":', size=500)) as upload,
        wire(server.http_port, b"GET /v2 HTT") as head,
    ):
        assert httpx.get(f"{server.url}/v2", trust_env=False).status_code == 200  # behind the uploads' first bytes
        server.process.terminate()
        for one in (upload, head):
            answer = one.answer()
            assert (answer.status, answer.headers["retry-after"]) == (503, "1")
            assert "stops" in answer.error
        assert server.process.wait(50) == 0  # less than DRAIN_SECONDS
        assert "Traceback" not in server.output and "lost" in server.output
