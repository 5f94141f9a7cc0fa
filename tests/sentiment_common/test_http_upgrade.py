"""Requests that offer an upgrade: by raw bytes, by curl and by Java."""

import json
import logging
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from kit.http_wire import H2C, HOST, Running, ask, echo, path_and_body, post, running, wire

WEBSOCKET = (
    b"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running(echo) as one:
        yield one


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
        assert [path_and_body(pipelined.answer()) for _ in requests] == expected
    with wire(server.port) as one_by_one:
        assert [path_and_body(one_by_one.send(request).answer()) for request in requests] == expected
    with wire(server.port) as slowly:
        for number in requests[0]:
            slowly.send(bytes([number]))
        assert path_and_body(slowly.answer()) == expected[0]


@pytest.mark.parametrize(
    "head",
    [
        b"POST /1 HTTP/1.1\r\n" + HOST + b"Connection: Upgrade, close\r\nUpgrade: h2c\r\n",
        b"POST /1 HTTP/1.0\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: h2c\r\n",
    ],
    ids=["close", "HTTP/1.0"],
)
@pytest.mark.parametrize("cut", [0, 1, 6], ids=["at once", "in two", "body alone"])
def test_an_upgrade_offer_of_a_last_request_is_answered_too(server, head, cut, caplog):
    """Bytes after it are not read, in the same packet or later."""
    request = head + b"Content-Length: 5\r\n\r\nhello"
    following = b"GET /2 HTTP/1.1\r\n" + HOST + b"\r\n"
    with wire(server.port, request[: len(request) - cut]) as one:
        answer = one.send(request[len(request) - cut :] + following).answer()
        assert (path_and_body(answer), answer.headers["connection"]) == (("/1", "hello"), "close")
        assert one.ended()
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_an_upgrade_offer_of_a_last_request_may_have_chunks(server):
    head = b"POST /1 HTTP/1.1\r\n" + HOST + b"Connection: Upgrade, close\r\nUpgrade: h2c\r\n"
    chunks = b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    assert path_and_body(ask(server.port, head + chunks)) == ("/1", "hello")
    broken = ask(server.port, head + b"Transfer-Encoding: chunked\r\n\r\nz\r\n")
    assert broken.status == 400 and "RFC 9112" in broken.error


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
