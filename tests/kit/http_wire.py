"""A server of our HTTP layer on a thread, and raw bytes to and from one."""

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kit.server_process import wait_for
from sentiment_common.http.limits import HttpLimits
from sentiment_common.http.server import HttpServer, listen

HOST = b"Host: a.example\r\n"
H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"


@dataclass
class Answer:
    """One answer as it was read: status, header fields by lower-case name, body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> str:
        """Return the message of a JSON error."""
        assert self.headers["content-type"] == "application/json", self
        return str(json.loads(self.body)["error"])


class Wire:
    """Open a TCP connection to a port of the loopback."""

    def __init__(self, port: int, seconds: float = 60) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=seconds)
        self._read = self.socket.makefile("rb")

    def send(self, data: bytes) -> "Wire":
        self.socket.sendall(data)
        return self

    def answer(self) -> Answer:
        """Read the next answer; interim answers (1xx) count."""
        line = self._read.readline()
        assert line, "the connection ended without an answer"
        status = int(line.split()[1])
        headers: dict[str, str] = {}
        while (field := self._read.readline()) not in (b"\r\n", b""):
            name, _, value = field.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        if status < 200:
            return Answer(status, headers, b"")
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self._read.readline(), 16):
                body += self._read.read(size)
                self._read.readline()
            self._read.readline()
            return Answer(status, headers, body)
        if "content-length" in headers:
            return Answer(status, headers, self._read.read(int(headers["content-length"])))
        return Answer(status, headers, self._read.read())

    def ended(self) -> bool:
        """Wait for the server to end the connection; report whether it sent no other byte."""
        try:
            return self._read.read(1) == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        self._read.close()
        self.socket.close()


@contextlib.contextmanager
def wire(port: int, data: bytes = b"") -> Iterator[Wire]:
    """Open a connection that has sent `data`, closed at the end."""
    one = Wire(port)
    try:
        yield one.send(data) if data else one
    finally:
        one.close()


def ask(port: int, data: bytes) -> Answer:
    """Return the first answer to raw bytes."""
    with wire(port, data) as one:
        return one.answer()


class Running:
    """A server on a separate thread; `stop` returns once it has ended."""

    def __init__(self, app: Any, limits: HttpLimits, drain_seconds: float = 10) -> None:
        listener = listen("127.0.0.1", 0)
        self.port = int(listener.getsockname()[1])
        self.server = HttpServer(app, limits, drain_seconds=drain_seconds, lifespan="off")
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self.server.serve([listener])), name="http", daemon=True
        )
        self._thread.start()
        wait_for(lambda: self.server.started, "the server's start")

    def end_soon(self) -> None:
        self.server.should_exit = True

    def stop(self) -> None:
        self.end_soon()
        self._thread.join(60)
        assert not self._thread.is_alive(), "the server did not end"


@contextlib.contextmanager
def running(app: Any, drain_seconds: float = 10, **limits: Any) -> Iterator[Running]:
    """Run a server of `app` with these limits; stop it at the end."""
    server = Running(app, HttpLimits(**limits), drain_seconds)
    try:
        yield server
    finally:
        server.stop()


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the request's method, path and body; some paths do other things."""
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
    seen = {
        "method": scope["method"],
        "path": scope["path"],
        "query": scope["query_string"].decode(),
        "body": body.decode("latin-1"),
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]],
    }
    raw = json.dumps(seen).encode()
    fields = [(b"content-type", b"application/json"), (b"content-length", str(len(raw)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": raw})


def post(path: bytes, body: bytes, fields: bytes = b"") -> bytes:
    """Build the bytes of a POST."""
    return b"POST %b HTTP/1.1\r\n%b%bContent-Length: %d\r\n\r\n%b" % (path, HOST, fields, len(body), body)


def path_and_body(answer: Any) -> tuple[str, str]:
    """Return the path and the body of an answer of `echo`."""
    assert answer.status == 200, answer
    document = json.loads(answer.body)
    return document["path"], document["body"]
