"""Answers of the HTTP layer: each is counted, and the page of an allowed origin can read it."""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator

import pytest
from kit.http_wire import HOST, ask, echo, wire
from kit.server_process import wait_for

from sentiment_common.http.limits import HttpLimits
from sentiment_common.http.server import HttpServer, listen

PAGE = "https://page.example"
ORIGIN = f"Origin: {PAGE}\r\n".encode()
HEAD = HOST + ORIGIN
CHUNKED = b"Transfer-Encoding: chunked\r\n"
COUNTED: Counter[int] = Counter()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    limits = HttpLimits(head_time=0.3, body_time=0.3, bodies=100_000, body=200_000)
    listener = listen("127.0.0.1", 0)
    server = HttpServer(
        echo,
        limits,
        drain_seconds=1,
        lifespan="off",
        on_refusal=lambda status: COUNTED.update((status,)),
        origins=[PAGE],
    )
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])), daemon=True)
    thread.start()
    wait_for(lambda: server.started, "the server's start")
    yield int(listener.getsockname()[1])
    server.should_exit = True
    thread.join(60)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\r\n" + HEAD + b"Cookie: " + b"x" * 20_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + HEAD + b"A: " + b"x" * 100_000, 431),
        (b"GET / HTTP/1.1\r\n" + HEAD + b"A: x\r\n" * 200 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + HEAD + b"A: x\r\n", 408),
        (b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: 5\r\n\r\nxx", 408),
        (b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: 150000\r\n\r\n", 503),
        (b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: 250000\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\n" + HEAD + b"Expect: a miracle\r\n\r\n", 417),
        (b"POST / HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: gzip\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\n" + HEAD + CHUNKED + b"\r\nno size\r\n", 400),
        (b"POST / HTTP/1.1\r\n" + HEAD + CHUNKED + b"\r\n0\r\nA: " + b"x" * 20_000 + b"\r\n\r\n", 431),
        (b"GET /fails HTTP/1.1\r\n" + HEAD + b"\r\n", 500),
    ],
)
def test_a_refusal_is_counted_and_shown_to_the_page(port, sent, status):
    before = COUNTED[status]
    answer = ask(port, sent)
    assert (answer.status, answer.headers.get("access-control-allow-origin")) == (status, PAGE)
    assert answer.headers["vary"] == "Origin"
    assert "Retry-After" in answer.headers["access-control-expose-headers"]
    wait_for(lambda: COUNTED[status] == before + 1, "its count")
    for other in (b"", ORIGIN.replace(b"page", b"other")):
        refused = ask(port, sent.replace(ORIGIN, other))
        assert refused.status == status and "access-control-allow-origin" not in refused.headers


def test_the_origin_of_a_request_is_not_that_of_the_next(port):
    with wire(port, b"GET / HTTP/1.1\r\n" + HEAD + b"\r\n") as one:
        assert one.answer().status == 200
        refused = one.send(b"NONSENSE\r\n\r\n").answer()
        assert refused.status == 400 and "access-control-allow-origin" not in refused.headers


def test_an_answer_in_place_of_the_application_is_for_its_own_page(port):
    with wire(port, b"GET /fails HTTP/1.1\r\n" + HEAD + b"\r\nGET / HTTP/1.1\r\n" + HOST + b"\r\n") as one:
        refused = one.answer()
        assert (refused.status, refused.headers["access-control-allow-origin"]) == (500, PAGE)
