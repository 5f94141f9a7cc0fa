"""How a connection of the HTTP layer ends: at its age, with the server, by a slow client or by half."""

import asyncio
import contextlib
import logging
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from kit.http_wire import HOST, Running, ask, running, wire
from kit.server_process import wait_for

from sentiment_common.http import connection, door
from sentiment_common.http.connection import MAX_PIPELINED

NEVER = 3600.0
GET = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"
LARGE = 40_000_000


class App:
    """Answers `ok`, at `/large` much; `/hold` waits for its release, and `/block` keeps the event loop until then."""

    def __init__(self) -> None:
        self.entered, self.release = threading.Event(), threading.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        if scope["path"] == "/hold":
            self.entered.set()
            await asyncio.to_thread(self.release.wait, 60)
        if scope["path"] == "/block":
            self.entered.set()
            self.release.wait(60)
            time.sleep(3 * door.TICK_SECONDS)
            await asyncio.sleep(3 * door.TICK_SECONDS)
        raw = b"x" * LARGE if scope["path"] == "/large" else b"ok"
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-length", str(len(raw)).encode())],
            }
        )
        await send({"type": "http.response.body", "body": raw})


@pytest.fixture
def app() -> App:
    return App()


def get(path: bytes, fields: bytes = b"") -> bytes:
    return b"GET " + path + b" HTTP/1.1\r\n" + HOST + fields + b"\r\n"


def the_guest(server: Running) -> Any:
    (guest,) = server.server.door.guests
    return guest


# ---------------------------------------------------------------------------------------------- requests sent in advance


@pytest.mark.parametrize("count", [3, MAX_PIPELINED + 1])
def test_requests_sent_in_advance_are_answered_at_the_connections_age(app, count):
    with running(app, connection_age=0.01) as server, wire(server.port) as one:
        wait_for(lambda: server.server.door.guests and the_guest(server)._retiring, "the connection's age")
        one.send(GET * count)
        answers = [one.answer() for _ in range(count)]
        assert {answer.body for answer in answers} == {b"ok"}
        assert [answer.headers.get("connection") for answer in answers] == [None] * (count - 1) + ["close"]
        assert one.ended()


def test_requests_sent_in_advance_are_answered_when_the_server_stops(app):
    with running(app) as server, wire(server.port, get(b"/hold") + GET * 2) as one:
        assert app.entered.wait(60)
        server.end_soon()
        wait_for(lambda: the_guest(server)._draining, "the end's beginning")
        app.release.set()
        assert [one.answer().headers.get("connection") for _ in range(3)] == [None, None, "close"]
        assert one.ended()


def test_a_client_that_never_stops_to_ask_is_parted_with(app):
    """The last answer reaches it though more requests were on their way."""
    with running(app, connection_age=0.01) as server, wire(server.port, get(b"/hold")) as one:
        assert app.entered.wait(60)
        wait_for(lambda: the_guest(server)._retiring, "the connection's age")
        for _ in range(20):
            one.send(GET * 2000)
            if the_guest(server)._paused:
                break
        app.release.set()
        answers = [one.answer()]
        while "connection" not in answers[-1].headers:
            answers.append(one.answer())
        assert len(answers) <= 2 * MAX_PIPELINED + 2
        assert one.ended()


# ------------------------------------------------------------------------------------------------------- slow clients


@contextlib.contextmanager
def large_answer(server: Running, fields: bytes) -> Iterator[tuple[socket.socket, Any]]:
    """A client with a small buffer, and its connection, which has more to send than the kernel takes."""
    with socket.socket() as client:
        client.settimeout(60)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        client.connect(("127.0.0.1", server.port))
        client.sendall(get(b"/large", fields))
        wait_for(lambda: server.server.door.guests, "the connection")
        guest = the_guest(server)
        wait_for(lambda: guest._transport.get_write_buffer_size() > 0, "the answer")
        yield client, guest


@pytest.mark.parametrize("fields", [b"", b"Connection: close\r\n"], ids=["keep-alive", "close"])
def test_a_slow_client_that_takes_its_answer_gets_all_of_it(app, fields, monkeypatch):
    """Each look is 20 s after the one before, and the client has 30 s: what it takes in between gives it new ones."""
    monkeypatch.setattr(door, "SWEEP_SECONDS", NEVER)
    with running(app, answer_stall=30) as server, large_answer(server, fields) as (client, guest):
        now, taken = time.monotonic(), 0
        for step in range(1, 3):
            unsent = guest._transport.get_write_buffer_size()
            while guest._transport.get_write_buffer_size() == unsent:
                taken += len(client.recv(65_536))
            guest._loop.call_soon_threadsafe(guest.look, now + 20 * step)
        while taken < LARGE and (piece := client.recv(1 << 20)):
            taken += len(piece)
        assert taken > LARGE


@pytest.mark.parametrize("fields", [b"", b"Connection: close\r\n"], ids=["keep-alive", "close"])
def test_a_client_that_takes_nothing_is_dropped(app, fields):
    with running(app, answer_stall=0.3) as server, large_answer(server, fields):
        wait_for(lambda: not server.server.door.guests, "the connection's end", 60)


# ------------------------------------------------------------------------------------------------ the end of the server


def test_a_refusal_that_lingers_does_not_delay_the_servers_end(app, caplog):
    with running(app, linger=NEVER, drain_seconds=600) as server, wire(server.port, b"NONSENSE\r\n\r\n") as one:
        assert one.answer().status == 400 and one.ended()
        server.stop()
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_a_client_that_takes_nothing_does_not_delay_the_servers_end(app, monkeypatch):
    monkeypatch.setattr(connection, "DRAIN_STALL_SECONDS", 0.3)
    with (
        running(app, answer_stall=NEVER, drain_seconds=600) as server,
        large_answer(server, b"Connection: close\r\n"),
    ):
        server.stop()


# ------------------------------------------------------------------------------------------------------- half a client


def test_a_client_that_ends_its_sending_side_is_answered_by_a_busy_server(app):
    """The event loop is busy from before the client's end until well after it."""
    with running(app) as server, wire(server.port, get(b"/block")) as one:
        assert app.entered.wait(60)
        one.socket.shutdown(socket.SHUT_WR)
        app.release.set()
        assert one.answer().body == b"ok"
        assert one.ended()


def test_the_ticks_end_with_the_requests(app):
    with running(app) as server:
        assert ask(server.port, GET).status == 200
        wait_for(lambda: not server.server.door._ticking, "silence")
        stamp = server.server.door._stamped
        assert server.server.door.is_past(stamp)
