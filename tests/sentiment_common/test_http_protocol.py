"""The HTTP layer by raw bytes: what is a request, what is not, and what a client gets to know of it."""

import asyncio
import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn.server
from http_wire import HOST, Running, ask, running, wire
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sentiment_common.http.connection import MAX_PIPELINED

H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"
WEBSOCKET = (
    b"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer with what was asked; some paths do other things."""
    if scope["path"] == "/fails":
        raise ValueError("on purpose")
    if scope["path"] == "/silent":
        return
    if scope["path"] == "/stream":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for piece in (b"one ", b"two"):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body"})
        return
    body, more = b"", scope["path"] != "/unread"
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message["body"]
        more = message["more_body"]
    told = {
        "method": scope["method"],
        "path": scope["path"],
        "query": scope["query_string"].decode(),
        "body": body.decode("latin-1"),
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]],
    }
    raw = json.dumps(told).encode()
    fields = [(b"content-type", b"application/json"), (b"content-length", str(len(raw)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": raw})


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running(echo) as one:
        yield one


def post(path: bytes, body: bytes, fields: bytes = b"") -> bytes:
    return b"POST %b HTTP/1.1\r\n%b%bContent-Length: %d\r\n\r\n%b" % (path, HOST, fields, len(body), body)


def told(answer: Any) -> tuple[str, str]:
    assert answer.status == 200, answer
    document = json.loads(answer.body)
    return document["path"], document["body"]


# ---------------------------------------------------------------------------------------------------------- upgrades


@pytest.mark.parametrize("offer", [H2C, WEBSOCKET], ids=["h2c", "websocket"])
def test_an_upgrade_offer_is_ignored_and_its_request_answered(server, offer):
    """Also with another request behind it, whose bytes are not the body, nor the body's a request."""
    inner = b"POST /inner HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n\r\n"
    chunked = (
        b"POST /2 HTTP/1.1\r\n" + HOST + offer + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    )
    requests = [
        post(b"/1", inner, offer),
        chunked,
        b"GET /3 HTTP/1.1\r\n" + HOST + offer + b"\r\n",
        post(b"/4", b"", offer),
        post(b"/5", b"last"),
    ]
    expected = [("/1", inner.decode()), ("/2", "abcde"), ("/3", ""), ("/4", ""), ("/5", "last")]
    with wire(server.port, b"".join(requests)) as pipelined:
        assert [told(pipelined.answer()) for _ in requests] == expected
    with wire(server.port) as one_by_one:
        assert [told(one_by_one.send(request).answer()) for request in requests] == expected
    with wire(server.port) as slowly:
        for number in requests[0]:
            slowly.send(bytes([number]))
        assert told(slowly.answer()) == expected[0]


def test_curl_offers_http2(server):
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is not installed")
    url = f"http://127.0.0.1:{server.port}"
    command = [curl, "-sS", "--noproxy", "*", "--http2", "-d", '{"text":"good"}', f"{url}/1", f"{url}/2"]
    out = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    answers = [json.loads(part) for part in out.replace("}{", "}\n{").splitlines()]
    assert [(one["path"], one["body"]) for one in answers] == [("/1", '{"text":"good"}'), ("/2", '{"text":"good"}')]
    assert ["upgrade", "h2c"] in answers[0]["headers"], "this curl offers no upgrade"


JAVA = """
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

public class Ask {
    public static void main(String[] arguments) throws Exception {
        HttpClient client = HttpClient.newHttpClient();
        for (String path : new String[] {"/1", "/2", "/3"}) {
            HttpRequest request = HttpRequest.newBuilder(URI.create(arguments[0] + path))
                .POST(HttpRequest.BodyPublishers.ofString("{\\"text\\":\\"good\\"}")).build();
            HttpResponse<String> answer = client.send(request, HttpResponse.BodyHandlers.ofString());
            System.out.println(answer.statusCode() + " " + answer.body());
        }
    }
}
"""


def test_javas_default_client_offers_http2(server, tmp_path: Path):
    java = shutil.which("java")
    if java is None:
        pytest.skip("Java is not installed")
    (tmp_path / "Ask.java").write_text(JAVA)
    command = [java, "-Xshare:auto", "-XX:TieredStopAtLevel=1", str(tmp_path / "Ask.java")]
    ended = subprocess.run(
        [*command, f"http://127.0.0.1:{server.port}"], capture_output=True, text=True, timeout=240, check=False
    )
    if ended.returncode and "release version" in ended.stderr:
        pytest.skip(f"this Java runs no single file: {ended.stderr[:100]}")
    lines = ended.stdout.splitlines()
    assert [line[:4] for line in lines] == ["200 "] * 3, ended.stderr
    answers = [json.loads(line[4:]) for line in lines]
    assert [(one["path"], one["body"]) for one in answers] == [(f"/{n}", '{"text":"good"}') for n in (1, 2, 3)]
    assert ["upgrade", "h2c"] in answers[0]["headers"], "this Java offers no upgrade"


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
            "Transfer-Encoding",
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
    assert told(ask(server.port, with_length)) == ("/1", "ab")


def test_trailers_are_no_header_fields(server):
    request = b"POST /1 HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Trailer: 1\r\n\r\n"
    with wire(server.port, request + b"GET /2 HTTP/1.1\r\n" + HOST + b"\r\n") as one:
        first, second = one.answer(), one.answer()
    assert told(first) == ("/1", "a") and told(second) == ("/2", "")
    assert b"trailer" not in first.body + second.body


@pytest.mark.parametrize("framing", [b"0\r\nT: ", b"1;e="], ids=["trailer", "extension"])
def test_framing_that_never_ends_is_ended(server, framing):
    request = b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n" + framing
    with wire(server.port, request) as one:
        one.send(b"x" * 400_000)
        answer = one.answer()
    assert answer.status == 400 and "framing" in answer.error


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
        answers = [told(one.answer()) for _ in range(4)]
    assert answers == [("/1", "body of the first"), ("/2", ""), ("/3", "abcdefg"), ("/4", "x" * 50)]


def test_a_client_that_waits_for_100_is_asked_for_its_body(server):
    head = b"POST /1 HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    with wire(server.port, head) as one:
        assert one.answer().status == 100
        assert told(one.send(b"ab").answer()) == ("/1", "ab")
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
        assert [told(one.answer()), told(one.answer())] == [("/1", "ab"), ("/2", "cd")]
        assert one.ended()


def test_nothing_is_read_behind_a_last_request(server):
    first = b"GET /1 HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
    with wire(server.port, first + b"GET /2 HTTP/1.1\r\n" + HOST + b"\r\n") as one:
        answer = one.answer()
        assert (told(answer), answer.headers["connection"]) == (("/1", ""), "close")
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
        assert told(one.send(b"abc" + post(b"/2", b"next")).answer()) == ("/2", "next")


def test_uvicorn_takes_our_protocol_class():
    """The parts of uvicorn that the connection stands on."""
    state = uvicorn.server.ServerState()
    assert vars(state).keys() >= {"connections", "tasks", "total_requests", "default_headers"}
    parts = uvicorn.server.Server.startup.__code__.co_consts
    (create,) = [one for one in parts if getattr(one, "co_name", "") == "create_protocol"]
    assert "http_protocol_class" in create.co_names
    assert ("config", "server_state", "app_state", "_loop") in create.co_consts


async def test_a_port_that_is_taken_is_an_oserror():
    from sentiment_common.http.server import listen

    with listen("127.0.0.1", 0) as one, pytest.raises(OSError, match="in use"):
        await asyncio.to_thread(listen, "127.0.0.1", one.getsockname()[1])
