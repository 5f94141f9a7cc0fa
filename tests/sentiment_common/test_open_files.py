"""The limit of open files, in processes that have a low one."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
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
fitting = fit_connections(max_connections=1000, grpc_max_connections=int(sys.argv[3]))
print(*fitting.values(), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""
SERVE = """
import asyncio, logging, os, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (240, 240))
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from sentiment_common.http.limits import HttpLimits
from sentiment_common.http.server import HttpServer, listen
logging.basicConfig(format="%(message)s")
files = []
async def here(_):
    return PlainTextResponse("here")
async def hoard(_):
    try:
        while True:
            files.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        return PlainTextResponse("full")
async def free(_):
    while files:
        os.close(files.pop())
    return PlainTextResponse("free")
app = Starlette(routes=[Route("/", here), Route("/hoard", hoard), Route("/free", free)])
server = HttpServer(app, HttpLimits(connections=1000), drain_seconds=1)
asyncio.run(server.serve([listen("127.0.0.1", int(sys.argv[1]))]))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "grpc", "printed", "warned"),
    [
        (300, 4096, 500, "1000 500 1692", ""),
        (4000, 4096, 500, "1000 500 4000", ""),
        (300, 942, 500, "500 250 942", "942 files (ulimit -n): MAX_CONNECTIONS is 500 instead of 1000, GRPC_MAX"),
        (100, 100, 500, "16 16 100", "GRPC_MAX_CONNECTIONS is 16 instead of 500; raise the limit, or set what fits"),
        (100, 100, 1, "16 1 100", "MAX_CONNECTIONS is 16 instead of 1000"),
    ],
)
def test_connections_fit_the_limit_of_open_files(soft: int, hard: int, grpc: int, printed: str, warned: str) -> None:
    command = [sys.executable, "-c", FIT, str(soft), str(hard), str(grpc)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == printed
    assert warned in done.stderr and bool(warned) == bool(done.stderr)


@contextmanager
def _serving(log: Path) -> Iterator[int]:
    """The port of a server that may open 240 files; it must outlive what is done to it."""
    port = free_port()
    with log.open("wb") as output:
        server = subprocess.Popen([sys.executable, "-c", SERVE, str(port)], stderr=output)
    try:

        def listens() -> bool:
            with ExitStack() as probe:
                try:
                    probe.enter_context(wire(port))
                except ConnectionRefusedError:
                    return False
                return True

        wait_for(listens, "the server")
        yield port
        assert server.poll() is None
    finally:
        server.kill()
        server.wait()


def test_a_server_with_few_files_refuses_connections_and_lives(tmp_path: Path) -> None:
    with _serving(tmp_path / "log") as port, ExitStack() as open_ones:
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
    assert "MAX_CONNECTIONS is 48 instead of 1000" in (tmp_path / "log").read_text()


def test_connections_wait_while_no_file_can_be_opened(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with _serving(log) as port, wire(port, GET.replace(b"/ ", b"/hoard ")) as first:
        assert first.answer().body == b"full"
        with wire(port, GET) as waiting:
            wait_for(lambda: "connections wait" in log.read_text(), "the warning")
            assert first.send(GET).answer().body == b"here"
            assert first.send(GET.replace(b"/ ", b"/free ")).answer().body == b"free"
            assert waiting.answer().body == b"here"
    lines = log.read_text().splitlines()
    assert "raise the limit (ulimit -n), or set a lower MAX_CONNECTIONS" in lines[-1]
    assert len(lines) < 100  # one a second, where asyncio alone logs its whole backlog each time


def _answered(port: int) -> bool:
    with wire(port, GET) as one:
        return one.answer().status == 200
