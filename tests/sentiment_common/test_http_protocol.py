"""The HTTP layer by raw bytes: what is a request, what is not, and what a client gets to know of it."""

import asyncio
import json
import socket
from collections.abc import Iterator
from itertools import pairwise

import httpx
import pytest
import uvicorn.server
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kit.http_wire import H2C, HOST, Running, ask, echo, path_and_body, post, running, wire

from sentiment_common.http.connection import MAX_PIPELINED


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running(echo) as one:
        yield one


# -------------------------------------------------------------------------------------------------------------- heads


@pytest.mark.parametrize(
    ("head", "status", "says"),
    [
        (b"GET / HTTP/1.1\r\n" + HOST + b"A: " + b"x" * 100_000, 431, "32768"),
        (b"GET / HTTP/1.1\r\n" + HOST + b"A: " + b"x" * 20_000 + b"\r\n\r\n", 431, "16384"),
        (b"GET / HTTP/1.1\r\n" + HOST + (b"A: " + b"x" * 5000 + b"\r\n") * 8 + b"\r\n", 431, "32768"),
        (b"GET / HTTP/1.1\r\n" + HOST + b"A: x\r\n" * 200 + b"\r\n", 431, "100 header fields"),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414, "8192"),
        (b"GET /" + b"x" * 9000, 414, "8192"),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "Host is sent 0 times"),
        (b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n", 400, "Host is sent 2 times"),
        (b"GET / HTTP/1.0\r\n" + HOST + HOST + b"\r\n", 400, "Host is sent 2 times"),
        (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "Host"),
        (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, "Host"),
        (b"GET / HTTP/1.1\r\n" + HOST + b"A : x\r\n\r\n", 400, "RFC 9112"),
        (b"GET / HTTP/1.1\r\n" + HOST + b"A: x\r\n folded\r\n\r\n", 400, "RFC 9112"),
        (b"GET / HTTP/1.1\r\n" + HOST + b"A: x\ry\r\n\r\n", 400, "RFC 9112"),
        (b"GET / HTTP/1.1\r\n" + HOST + b"A: x\nB: y\r\n\r\n", 400, "RFC 9112"),
        (b"GET / HTTP/1.1\r\n" + HOST + b"A: x\0y\r\n\r\n", 400, "RFC 9112"),
        (b"GET / HTTP/1.1\r\n" + HOST + b"A(b): x\r\n\r\n", 400, "RFC 9112"),
        (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\na", 400, "RFC 9112"),
        (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1, 1\r\n\r\na", 400, "RFC 9112"),
        (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: +1\r\n\r\na", 400, "RFC 9112"),
        (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 0x1\r\n\r\na", 400, "RFC 9112"),
        (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: -1\r\n\r\n", 400, "RFC 9112"),
        (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n", 400, "RFC 9112"),
        (
            b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
            "RFC 9112",
        ),
        (
            b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
            400,
            "RFC 9112",
        ),
        (
            b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            501,
            "Transfer-Encoding is 'gzip, chunked'; send",
        ),
        (b"POST / HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "Transfer-Encoding"),
        (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nz\r\n", 400, "RFC 9112"),
        (b"POST / HTTP/1.1\r\n" + HOST + b"Expect: a miracle\r\n\r\n", 417, "100-continue"),
        (b"CONNECT a.example:80 HTTP/1.1\r\n" + HOST + b"\r\n", 501, "CONNECT"),
        (b"GET / HTTP/2.0\r\n" + HOST + b"\r\n", 505, "HTTP/1.1"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "RFC 9112"),
        (b"NONSENSE\r\n\r\n", 400, "RFC 9112"),
        (b"\x16\x03\x01\x02\x00\x01\x00", 400, "RFC 9112"),
        ("GET /ä HTTP/1.1\r\n".encode() + HOST + b"\r\n", 400, "RFC 9112"),
        (b"GET http:// HTTP/1.1\r\n" + HOST + b"\r\n", 400, ""),
    ],
)
def test_a_head_that_is_refused(server, head, status, says):
    with wire(server.port, head) as one:
        answer = one.answer()
        assert (answer.status, answer.headers["connection"]) == (status, "close")
        assert says in answer.error
        assert one.ended()


@pytest.mark.parametrize(
    ("head", "path", "query"),
    [
        (b"GET /a%20b?q=1 HTTP/1.1\r\n" + HOST + b"\r\n", "/a b", "q=1"),
        (b"GET http://b.example:80/c?d HTTP/1.1\r\n" + HOST + b"\r\n", "/c", "d"),
        (b"GET http://b.example HTTP/1.1\r\n" + HOST + b"\r\n", "/", ""),
        (b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", "*", ""),
        (b"GET / HTTP/1.1\r\nHost:\r\n\r\n", "/", ""),
        (b"GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", "/", ""),
        (b"GET / HTTP/1.1\r\nHost: my_svc.ns.svc:80\r\n\r\n", "/", ""),
        (b"\r\n\r\nGET / HTTP/1.1\r\n" + HOST + b"\r\n", "/", ""),
        (b"GET / HTTP/1.0\r\n\r\n", "/", ""),
    ],
)
def test_a_head_that_is_taken(server, head, path, query):
    document = json.loads(ask(server.port, head).body)
    assert (document["path"], document["query"]) == (path, query)


def test_white_space_around_a_value_is_not_part_of_it(server):
    answer = ask(server.port, b"GET / HTTP/1.1\r\n" + HOST + b"X-API-Key: \t a key \t\r\nEmpty: \t \r\n\r\n")
    assert json.loads(answer.body)["headers"] == [["host", "a.example"], ["x-api-key", "a key"], ["empty", ""]]
    with_length = b"POST /1 HTTP/1.1\r\n" + HOST + b"Content-Length: 2 \t\r\n\r\nab"
    assert path_and_body(ask(server.port, with_length)) == ("/1", "ab")


def test_trailers_are_no_header_fields(server):
    request = b"POST /1 HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Trailer: 1\r\n\r\n"
    with wire(server.port, request + b"GET /2 HTTP/1.1\r\n" + HOST + b"\r\n") as one:
        first, second = one.answer(), one.answer()
    assert path_and_body(first) == ("/1", "a") and path_and_body(second) == ("/2", "")
    assert b"trailer" not in first.body + second.body


@pytest.mark.parametrize("framing", [b"0\r\nT: ", b"1;e="], ids=["trailer", "extension"])
def test_framing_that_never_ends_is_ended(server, framing):
    request = b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n" + framing
    with wire(server.port, request) as one:
        one.send(b"x" * 400_000)
        answer = one.answer()
    assert answer.status == 400 and "framing" in answer.error


@pytest.mark.parametrize("framing", [b"0\r\nT: ", b"1;e="], ids=["trailer", "extension"])
def test_a_large_body_buys_no_framing(server, framing):
    request = b"POST /1 HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
    with wire(server.port, request + b"100000\r\n" + b"x" * 1_048_576 + b"\r\n" + framing) as one:
        one.send(b"x" * 1_000_000)
        answer = one.answer()
    assert answer.status == 400 and "framing" in answer.error


@pytest.mark.parametrize(
    ("trailers", "says"),
    [
        (b"T: " + b"x" * 20_000 + b"\r\n", "16384"),
        ((b"T: " + b"x" * 5000 + b"\r\n") * 8, "32768"),
        (b"T: x\r\n" * 200, "100 header fields"),
    ],
)
def test_trailers_are_bounded_as_fields_are(server, trailers, says):
    request = b"POST /1 HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
    answer = ask(server.port, request + trailers + b"\r\n")
    assert answer.status == 431 and says in answer.error


REQUESTS = (
    post(b"/1?q", b"body of the first", H2C)
    + b"GET /2 HTTP/1.1\r\n" + HOST + b"A:  b \r\n\r\n"
    + b"POST /3 HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\nT: t\r\n\r\n"
    + post(b"/4", b"x" * 50)
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.sets(st.integers(1, len(REQUESTS) - 1), max_size=12))
def test_where_the_bytes_are_cut_changes_nothing(server, cuts):
    places = [0, *sorted(cuts), len(REQUESTS)]
    with wire(server.port) as one:
        one.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start, end in pairwise(places):
            one.send(REQUESTS[start:end])
        answers = [path_and_body(one.answer()) for _ in range(4)]
    assert answers == [("/1", "body of the first"), ("/2", ""), ("/3", "abcdefg"), ("/4", "x" * 50)]


def test_a_client_that_waits_for_100_gets_it(server):
    head = b"POST /1 HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    with wire(server.port, head) as one:
        assert one.answer().status == 100
        assert path_and_body(one.send(b"ab").answer()) == ("/1", "ab")
    with wire(server.port, head.replace(b"POST /1", b"POST /unread")) as one:
        answer = one.answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")


def test_many_requests_in_advance(server):
    one = b"GET /1 HTTP/1.1\r\n" + HOST + b"\r\n"
    with wire(server.port, one * MAX_PIPELINED) as few:
        assert {few.answer().status for _ in range(MAX_PIPELINED)} == {200}
    with wire(server.port, one * 2000) as many:
        statuses = [many.answer().status for _ in range(MAX_PIPELINED + 2)]
        assert statuses == [200] * (MAX_PIPELINED + 1) + [400]
        assert many.ended()


# -------------------------------------------------------------------------------------------------------------- ends


@pytest.mark.parametrize("path", [b"/fails", b"/silent"])
def test_an_application_that_fails_is_answered_for_in_json(server, path):
    answer = ask(server.port, b"GET " + path + b" HTTP/1.1\r\n" + HOST + b"\r\n")
    assert answer.status == 500 and "internal error" in answer.error and "on purpose" not in answer.error


@pytest.mark.parametrize("path", [b"/fails", b"/silent"])
def test_a_failure_names_no_type_of_ours(server, path):
    answer = ask(server.port, b"GET " + path + b" HTTP/1.1\r\n" + HOST + b"\r\n")
    assert answer.error == "internal error; the server's log says more"


def test_a_streamed_answer_is_chunked_but_for_http_1_0(server):
    new = ask(server.port, b"GET /stream HTTP/1.1\r\n" + HOST + b"\r\n")
    assert (new.headers["transfer-encoding"], new.body) == ("chunked", b"one two")
    old = ask(server.port, b"GET /stream HTTP/1.0\r\n\r\n")
    assert ("transfer-encoding" not in old.headers, old.body) == (True, b"one two")


def test_head_has_no_body(server):
    with wire(server.port, b"HEAD /1 HTTP/1.1\r\n" + HOST + b"\r\n") as one:
        line = one.socket.recv(65_536)
    assert line.startswith(b"HTTP/1.1 200 ") and line.endswith(b"\r\n\r\n") and b"content-length" in line


def test_a_client_that_ends_its_sending_side_is_answered(server):
    with wire(server.port, post(b"/1", b"ab") + post(b"/2", b"cd")) as one:
        one.socket.shutdown(socket.SHUT_WR)
        assert [path_and_body(one.answer()), path_and_body(one.answer())] == [("/1", "ab"), ("/2", "cd")]
        assert one.ended()


def test_nothing_is_read_behind_a_last_request(server):
    first = b"GET /1 HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
    with wire(server.port, first + b"GET /2 HTTP/1.1\r\n" + HOST + b"\r\n") as one:
        answer = one.answer()
        assert (path_and_body(answer), answer.headers["connection"]) == (("/1", ""), "close")
        assert one.ended()


def test_an_answer_that_does_not_wait_for_a_large_body_arrives(server):
    """The client sends megabytes before it reads."""
    answer = httpx.post(f"http://127.0.0.1:{server.port}/unread", content=b"x" * 4_000_000, timeout=60, trust_env=False)
    assert (answer.status_code, answer.headers["connection"]) == (200, "close")


def test_a_small_body_that_nobody_read_leaves_the_connection(server):
    head = b"POST /unread HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\n\r\n"
    with wire(server.port, head) as one:
        answer = one.answer()
        assert answer.status == 200 and "connection" not in answer.headers
        assert path_and_body(one.send(b"abc" + post(b"/2", b"next")).answer()) == ("/2", "next")


def test_uvicorn_takes_our_protocol_class():
    """The parts of uvicorn that the connection stands on."""
    state = uvicorn.server.ServerState()
    assert vars(state).keys() >= {"connections", "tasks", "total_requests", "default_headers"}
    parts = uvicorn.server.Server.startup.__code__.co_consts
    (create,) = [one for one in parts if getattr(one, "co_name", "") == "create_protocol"]
    assert "http_protocol_class" in create.co_names
    assert ("config", "server_state", "app_state", "_loop") in create.co_consts


async def test_a_taken_port_is_a_user_error():
    from sentiment_common.http.server import PortUnavailable, listen

    with listen("127.0.0.1", 0) as one, pytest.raises(PortUnavailable, match="in use"):
        await asyncio.to_thread(listen, "127.0.0.1", one.getsockname()[1])
