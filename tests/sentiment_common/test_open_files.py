"""The limit of open files, in processes that have a low one."""

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from kit.http_wire import HOST, wire
from kit.server_process import free_port, wait_for

GET = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"
FIT = """
import logging, resource, sys
from sentiment_common.open_files import fit_connections
logging.basicConfig(format="%(message)s")
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[2])))
print(fit_connections(1000, 500), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""
SERVE = """
import logging, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (240, 240))
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from sentiment_common.http.limits import HttpLimits
from sentiment_common.http.server import HttpServer, listen
logging.basicConfig(format="%(message)s")
app = Starlette(routes=[Route("/", lambda _: PlainTextResponse("here"))])
HttpServer(app, HttpLimits(connections=1000), drain_seconds=1).run([listen("127.0.0.1", int(sys.argv[1]))])
"""


@pytest.mark.parametrize(
    ("soft", "hard", "printed", "warned"),
    [
        (300, 4096, "(1000, 500) 1692", ""),
        (4000, 4096, "(1000, 500) 4000", ""),
        (300, 942, "(500, 250) 942", "may open 942 files (ulimit -n), so that 500 and 250 connections are accepted"),
        (100, 100, "(16, 16) 100", "raise the limit, or set MAX_CONNECTIONS"),
    ],
)
def test_connections_fit_the_limit_of_open_files(soft: int, hard: int, printed: str, warned: str) -> None:
    command = [sys.executable, "-c", FIT, str(soft), str(hard)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == printed
    assert warned in done.stderr and bool(warned) == bool(done.stderr)


def test_a_server_with_few_files_refuses_connections_and_lives(tmp_path: Path) -> None:
    port = free_port()
    with (tmp_path / "log").open("wb") as log, ExitStack() as open_ones:
        server = subprocess.Popen([sys.executable, "-c", SERVE, str(port)], stderr=log)
        try:

            def listens() -> bool:
                with ExitStack() as probe:
                    try:
                        probe.enter_context(wire(port))
                    except ConnectionRefusedError:
                        return False
                    return True

            wait_for(listens, "the server")
            held = [open_ones.enter_context(wire(port, b"GET / HTTP/1.1\r\n")) for _ in range(300)]
            refused = 0
            for each in held[-50:]:
                try:
                    refused += each.answer().status == 503
                except (AssertionError, ConnectionResetError):
                    refused += 1  # more refusals at once than are answered
            assert refused == 50
            for each in held:
                each.close()
            wait_for(lambda: _answered(port), "an answer once the others have left")
            assert server.poll() is None
        finally:
            server.kill()
            server.wait()
    assert "48 connections are accepted and not 1000" in (tmp_path / "log").read_text()


def _answered(port: int) -> bool:
    with wire(port, GET) as one:
        return one.answer().status == 200
