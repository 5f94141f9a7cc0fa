"""REST by raw sockets: HTTP as no library sends it."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from urllib.parse import urlsplit

from conformance.check import PRACTICE, Skipped, expect, group, shorten
from conformance.target import Target
from conformance.tensors import read

check = group("Raw sockets", PRACTICE)


@contextmanager
def _wire(target: Target) -> Iterator[socket.socket]:
    parts = urlsplit(target.rest)
    if parts.scheme != "http":
        raise Skipped("raw sockets speak http only")
    with socket.create_connection((parts.hostname or "", parts.port or 80), target.timeout) as wire:
        yield wire


def _answer(wire: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """The next answer on the connection."""
    response = HTTPResponse(wire)
    response.begin()
    return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()


def _request(target: Target, *headers: str, body: bytes | None = None) -> bytes:
    body = json.dumps(target.document()).encode() if body is None else body
    if not any(header.lower().startswith("content-type") for header in headers):
        headers = (*headers, "Content-Type: application/json")
    lines = [f"POST {target.path} HTTP/1.1", "Host: conformance", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _right(status: int, answer: bytes) -> None:
    expect(status == 200, f"answered {status} {shorten(answer)}; expected 200")
    expect(json.loads(answer).get("outputs"), f"the answer has no outputs: {shorten(answer)}")


@check("sockets.no-content-type", "OIP REST; RFC 9110 8.3")
def no_content_type(target: Target) -> None:
    with _wire(target) as wire:
        wire.sendall(_request(target).replace(b"\r\nContent-Type: application/json", b""))
        status, _, answer = _answer(wire)
    _right(status, answer)


@check("sockets.any-content-type", "OIP REST; RFC 9110 8.3")
def any_content_type(target: Target) -> None:
    for kind in ("application/json; charset=utf-8", "text/plain", "application/octet-stream", "nonsense", ""):
        with _wire(target) as wire:
            wire.sendall(_request(target, f"Content-Type: {kind}"))
            status, _, answer = _answer(wire)
        _right(status, answer)


@check("sockets.keep-alive", "RFC 9112 9.3")
def keep_alive(target: Target) -> None:
    """Good and bad requests follow each other on one connection."""
    with _wire(target) as wire:
        for body, wanted in ((None, 200), (b"{", 400), (None, 200), (b"[]", 400), (None, 200)):
            wire.sendall(_request(target, body=body))
            status, _, answer = _answer(wire)
            expect(status == wanted, f"answered {status} {shorten(answer)}; expected {wanted}")


@check("sockets.pipelined", "RFC 9112 9.3.2")
def pipelined(target: Target) -> None:
    """Requests that are sent before the answers are read are answered in their order."""
    with _wire(target) as wire:
        documents = [target.document([text], id=str(at)) for at, text in enumerate(target.texts)]
        wire.sendall(b"".join(_request(target, body=json.dumps(document).encode()) for document in documents))
        buffered = wire.makefile("rb")
        for at in range(len(documents)):
            status, length = int(buffered.readline().split()[1]), 0
            while (line := buffered.readline().strip()) != b"":
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            answer = buffered.read(length)
            _right(status, answer)
            expect(json.loads(answer).get("id") == str(at), f"answer {at} has the id {json.loads(answer).get('id')!r}")


@check("sockets.byte-by-byte", "RFC 9112 2.2")
def byte_by_byte(target: Target) -> None:
    with _wire(target) as wire:
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in _request(target, body=json.dumps(target.document(["ok"])).encode()):
            wire.sendall(bytes([byte]))
        status, _, answer = _answer(wire)
    _right(status, answer)


@check("sockets.header-case", "RFC 9110 5.1")
def header_case(target: Target) -> None:
    request = _request(target).replace(b"Content-Length", b"cOnTeNt-LeNgTh").replace(b"Host", b"HOST")
    with _wire(target) as wire:
        wire.sendall(request)
        status, _, answer = _answer(wire)
    _right(status, answer)


@check("sockets.connection-close", "RFC 9112 9.6")
def connection_close(target: Target) -> None:
    with _wire(target) as wire:
        wire.sendall(_request(target, "Connection: close"))
        status, _, answer = _answer(wire)
        _right(status, answer)
        expect(wire.recv(1) == b"", "the connection stays open after 'Connection: close'")


@check("sockets.garbage", "RFC 9112 2.2")
def garbage(target: Target) -> None:
    """Bytes that are not HTTP get a 4xx or a closed connection."""
    for raw in (b"GARBAGE\r\n\r\n", b"\x16\x03\x01\x00\xa5\x01", b"\x00" * 64, b"POST  HTTP/9.9\r\n\r\n"):
        with _wire(target) as wire:
            wire.sendall(raw)
            wire.shutdown(socket.SHUT_WR)
            answer = wire.recv(4096)
        expect(answer == b"" or answer.split()[1:2][0][:1] == b"4", f"{raw[:20]!r} was answered {shorten(answer)}")


@check("sockets.bad-length", "RFC 9112 6.3")
def bad_length(target: Target) -> None:
    body = json.dumps(target.document()).encode()
    for length in (b"-1", b"x", b"1, 2", b"99999999999999999999999"):
        raw = (
            b"POST " + target.path.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Length: " + length + b"\r\n\r\n" + body
        )
        with _wire(target) as wire:
            wire.sendall(raw)
            wire.shutdown(socket.SHUT_WR)
            answer = wire.recv(4096)
        expect(answer == b"" or answer.split()[1:2][0][:1] == b"4", f"length {length!r} was answered {shorten(answer)}")


@check("sockets.half-a-body", "RFC 9112 8")
def half_a_body(target: Target) -> None:
    """Clients that leave in the middle of a body, or before their answer, do no harm."""
    whole = _request(target)
    for end in (20, len(whole) - 10, len(whole)):
        with _wire(target) as wire:
            wire.sendall(whole[:end])
    time.sleep(0.1)
    read(target.post(target.document()))
