"""The page of `serve --ui`: files, their headers, and the two servers behind one address."""

import http.server
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from kit.server_process import wait_for
from starlette.testclient import TestClient

from sentiment_cli.demo.processes import free_ports
from sentiment_cli.page import proxy
from sentiment_cli.page.files import HEADERS, PageNotBuilt, check_built
from sentiment_cli.page.proxy import Upstream, make_app


@pytest.fixture
def built(tmp_path: Path) -> Path:
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>Sentiment</title>")
    (folder / "assets/index-abc.js").write_text("export {}")
    (folder / "assets/large-abc.js").write_text("export {}\n" * 1000)
    (tmp_path / "secret").write_text("not for a page")
    return folder


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers with the request's parts, on a slow path after a second."""

    def do_GET(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        time.sleep("slow" in self.path)
        seen = {"method": self.command, "path": self.path, "body": self.rfile.read(size).decode()}
        raw = json.dumps(seen | {"host": self.headers["Host"]}).encode()
        self.send_response(429 if "busy" in self.path else 200)
        self.send_header("Retry-After", "7")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    do_POST = do_PUT = do_DELETE = do_OPTIONS = do_GET  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def upstream() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def client(built: Path, upstream: str) -> Iterator[TestClient]:
    (port,) = free_ports(1)
    app = make_app(built, Upstream("predictor", upstream), Upstream("monitor", f"http://127.0.0.1:{port}"))
    with TestClient(app) as asking:
        yield asking


def test_the_page_and_its_headers(client: TestClient) -> None:
    page = client.get("/")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert {name: page.headers[name] for name in HEADERS} == HEADERS
    assert page.headers["cache-control"] == "no-cache"
    assert "immutable" in client.get("/assets/index-abc.js").headers["cache-control"]


def test_files_go_compressed_to_who_takes_that(client: TestClient) -> None:
    packed = client.get("/assets/large-abc.js", headers={"Accept-Encoding": "gzip"})
    plain = client.get("/assets/large-abc.js", headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip" and int(packed.headers["content-length"]) < 1000
    assert "content-encoding" not in plain.headers and packed.text == plain.text
    assert "immutable" in packed.headers["cache-control"] and "content-security-policy" in packed.headers


@pytest.mark.parametrize("path", ["/../secret", "/%2e%2e/secret", "/assets/..%2f..%2fsecret", "/nothing"])
def test_files_beside_the_page_are_not_served(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_requests_are_passed_on_as_they_are(client: TestClient) -> None:
    answer = client.post("/v2/models/a%2Fb/infer?x=%20y", content=b'{"text": "\xc3\xa9"}')
    assert answer.json()["path"] == "/v2/models/a%2Fb/infer?x=%20y"
    assert (answer.json()["method"], answer.json()["body"]) == ("POST", '{"text": "é"}')
    busy = client.get("/v2/busy")
    assert (busy.status_code, busy.headers["retry-after"]) == (429, "7")


@pytest.mark.parametrize("method", ["GET", "DELETE", "OPTIONS", "PUT"])
def test_a_body_is_passed_on_with_any_method(client: TestClient, method: str) -> None:
    answer = client.request(method, "/v2/models/a", content=b"some words")
    assert (answer.json()["method"], answer.json()["body"]) == (method, "some words")
    assert client.request(method, "/v2/models/a").json()["body"] == ""


def test_an_unreachable_server_is_a_502(client: TestClient) -> None:
    away = client.get("/api/status")
    assert away.status_code == 502
    assert "monitor does not answer" in away.json()["error"]
    assert client.post("/api/status").status_code == 405


def test_the_page_waits_for_the_predictor_longer_than_for_the_monitor(
    built: Path, upstream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The predictor ends a request at its deadline, so that its answer comes and not the page's."""
    monkeypatch.setattr(proxy, "TIMEOUT", httpx.Timeout(0.2))
    app = make_app(built, Upstream("predictor", upstream), Upstream("monitor", upstream))
    with TestClient(app) as asking:
        assert asking.get("/v2/slow").status_code == 200
        late = asking.get("/api/slow")
    assert (late.status_code, late.json()["error"]) == (504, "the monitor takes too long to answer")


def test_missing_files_tell_how_to_build_them(tmp_path: Path) -> None:
    with pytest.raises(PageNotBuilt, match="make frontend"):
        check_built(tmp_path)


def test_serve_ui_starts_all_three_and_ends_them(tiny_release: tuple[str, str], built: Path, tmp_path: Path) -> None:
    page, rest, grpc, monitor = free_ports(4)
    environment = {
        "RELEASES_URI": tiny_release[0],
        "DATABASE_URL": f"sqlite:///{tmp_path}/log.db",
        "SPILL_DIR": f"{tmp_path}/spill",
        "CACHE_DIR": f"{tmp_path}/cache",
        "PAGE_DIR": str(built),
        "PAGE_PORT": str(page),
        "HTTP_PORT": str(rest),
        "GRPC_PORT": str(grpc),
        "MONITOR_PORT": str(monitor),
        "MONITOR_SECONDS": "1",
    }
    command = [sys.executable, "-m", "sentiment_cli", "serve", "--ui"]
    output = tmp_path / "output"
    with output.open("wb") as stream:
        process = subprocess.Popen(command, env=os.environ | environment, stdout=stream, stderr=stream)
    url = f"http://127.0.0.1:{page}"

    def answers(path: str) -> bool:
        assert process.poll() is None, output.read_text()
        try:
            return httpx.get(f"{url}{path}", trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    try:
        wait_for(lambda: answers("/health") and answers("/api/status"), "the page's servers", 120)
        answer = httpx.post(f"{url}/predict", json={"text": "a warm film"}, trust_env=False).json()
        assert answer["release_id"] == tiny_release[1]
        assert "Sentiment" in httpx.get(url, trust_env=False).text
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, output.read_text()
    finally:
        if process.poll() is None:
            process.kill()
    for port in (rest, monitor):
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"http://127.0.0.1:{port}/", trust_env=False)
    assert re.search(r"page: http://127\.0\.0\.1:\d+", output.read_text())


def test_serve_ui_ends_with_the_program_that_ends(tiny_release: tuple[str, str], built: Path, tmp_path: Path) -> None:
    page, rest, grpc = free_ports(3)
    environment = {
        "RELEASES_URI": tiny_release[0],
        "CACHE_DIR": f"{tmp_path}/cache",
        "SPILL_DIR": f"{tmp_path}/spill",
        "DATABASE_URL": f"sqlite:///{tmp_path}/log.db",
        "PAGE_DIR": str(built),
        "PAGE_PORT": str(page),
        "HTTP_PORT": str(rest),
        "GRPC_PORT": str(grpc),
        "MONITOR_PORT": str(rest),  # taken by the predictor, or the predictor's is taken by it
    }
    command = [sys.executable, "-m", "sentiment_cli", "serve", "--ui"]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 2
    assert "ended with exit code 2" in done.stderr
    assert "cannot be listened on" in done.stderr or "http_port" in done.stderr
    assert "Traceback" not in done.stderr
