"""The page's nginx with its own template in front of an averager: the server's limits decide."""

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from kit.server_process import free_port, wait_for

TEMPLATE = Path(__file__).parents[2] / "frontend/nginx/default.conf.template"
INFER = "/v2/models/sentiment/infer"
MAX_BODY_BYTES = 20 << 20
TIMES = {"KEEP_ALIVE_SECONDS": "620", "CLIENT_HEADER_SECONDS": "20", "CLIENT_BODY_SECONDS": "7"}


def _configuration(variables: dict[str, str], port: int) -> str:
    """Fill in the template, as the image's entrypoint does."""
    filled = re.sub(r"\$\{([A-Z_]+)\}", lambda found: variables[found[1]], TEMPLATE.read_text("utf-8"))
    return filled.replace("listen 8080;", f"listen 127.0.0.1:{port};")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of nginx; behind it the averager, whose graph never answers."""
    program = shutil.which("nginx")
    if program is None:
        pytest.skip("nginx is not installed: the page's limits are tested with it")
    work, port, server_port = tmp_path_factory.mktemp("nginx"), free_port(), free_port()
    with socket.create_server(("127.0.0.1", 0)) as graph:  # takes connections and never answers
        server_settings = {
            "HOST": "127.0.0.1",
            "HTTP_PORT": str(server_port),
            "GRAPH_URL": f"http://127.0.0.1:{graph.getsockname()[1]}",
            "MAX_BODY_BYTES": str(MAX_BODY_BYTES),
            "TIMEOUT_SECONDS": "0.5",
            "REQUEST_BODY_SECONDS": "1.5",
        }
        hosts = {
            "PREDICTOR_HOST": f"127.0.0.1:{server_port}",
            "PREDICTOR_SCHEME": "http",
            "MONITOR_HOST": "127.0.0.1:1",
            "RESOLVERS": "127.0.0.1",
        }
        temporary = "".join(
            f"{kind}_temp_path {work}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (work / "default.conf").write_text(_configuration(TIMES | hosts, port), "utf-8")
        (work / "nginx.conf").write_text(
            f"daemon off;\nmaster_process off;\npid {work}/pid;\nerror_log {work}/error.log;\nevents {{}}\n"
            f"http {{\naccess_log off;\n{temporary}include {work}/default.conf;\n}}\n",
            "utf-8",
        )
        command = [program, "-p", str(work), "-c", str(work / "nginx.conf"), "-e", str(work / "error.log")]
        server = subprocess.Popen([sys.executable, "-m", "model_server.average"], env=os.environ | server_settings)
        nginx = subprocess.Popen(command)
        try:
            wait_for(lambda: _answers(port, nginx, work / "error.log"), "the start of nginx and the averager")
            yield port
        finally:
            for process in (nginx, server):
                process.kill()
                process.wait(20)


def _answers(port: int, nginx: "subprocess.Popen[bytes]", log: Path) -> bool:
    assert nginx.poll() is None, log.read_text()
    try:
        return httpx.get(f"http://127.0.0.1:{port}/v2/health/live", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def _post(port: int, body: bytes) -> httpx.Response:
    return httpx.post(f"http://127.0.0.1:{port}{INFER}", content=body, trust_env=False, timeout=60)


def test_a_body_that_the_server_takes_passes(page: int) -> None:
    """Of 9 MiB: over the server's default, and below what this one is set to."""
    text = b'{"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": ["%s"]}]}' % (b"a" * (9 << 20))
    answer = _post(page, text)
    assert (answer.status_code, answer.json()["error"]) == (503, "the releases gave no answer in 0.5 s")


def test_a_body_over_the_limit_gets_the_servers_answer(page: int) -> None:
    answer = _post(page, b"a" * (MAX_BODY_BYTES + 1))
    assert answer.status_code == 413
    assert answer.json()["error"] == f"the body has {MAX_BODY_BYTES + 1} bytes; the limit is {MAX_BODY_BYTES}"


def test_an_upload_that_stalls_gets_the_servers_answer(page: int) -> None:
    head = f"POST {INFER} HTTP/1.1\r\nHost: page\r\nContent-Length: 100\r\nContent-Type: application/json\r\n\r\n"
    with socket.create_connection(("127.0.0.1", page), timeout=60) as client:
        client.sendall(head.encode() + b'{"inputs":')
        answer = client.makefile("rb").read()
    status, _, rest = answer.partition(b"\r\n")
    assert status == b"HTTP/1.1 408 Request Timeout"
    assert b"content-type: application/json" in rest.lower() and b'{"error"' in rest
