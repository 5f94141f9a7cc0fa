"""The HTTP layer's bounds in time, memory and number, and its end."""

import asyncio
import logging
import socket
import threading
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any

import pytest
from kit.http_wire import HOST, Wire, ask, running, wire
from kit.server_process import wait_for

from sentiment_common.http.door import MAX_REFUSED, Door
from sentiment_common.http.limits import HttpLimits
from sentiment_common.http.request import claim, refusal

NEVER = 3600.0
GET = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"


class App:
    """Reads the body and answers its length; `/hold` waits until it is released; records the end of each request."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.entered = threading.Event()
        self.left = threading.Event()
        self.refused: list[int] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                if refused := refusal(scope):
                    self.refused.append(refused.status)
                return
            size += len(message["body"])
            if not message["more_body"]:
                break
        raw = str(size).encode()
        if scope["path"] == "/hold":
            self.entered.set()
            await asyncio.to_thread(self.release.wait, 60)
        if scope["path"] == "/watch":
            self.entered.set()
            await receive()
            self.left.set()
        if scope["path"] == "/inflate":
            raw = str(claim(scope, 50_000)).encode()
        if scope["path"] == "/inflate-on":
            pieces = 0
            while claim(scope, 50_000):
                pieces += 1
            raw = str(pieces * 50_000).encode()
        if scope["path"] == "/large":
            raw = b"x" * 20_000_000
        headers = [(b"content-length", str(len(raw)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": raw})


@pytest.fixture
def app() -> App:
    return App()


def upload(size: int, sent: int = 0, path: bytes = b"/") -> bytes:
    return b"POST %b HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n%b" % (path, HOST, size, b"x" * sent)


def _age(guest: Any) -> float:
    return monotonic() - guest.idle_since


# --------------------------------------------------------------------------------------------------------------- time


@pytest.mark.parametrize(
    ("sent", "part"), [(b"GET / HT", "head"), (GET[:-2], "head"), (upload(10, 3), "body"), (GET + upload(10), "body")]
)
def test_a_request_that_does_not_arrive_is_answered_408_and_ended(app, sent, part):
    with running(app, head_time=0.3, body_time=0.3) as server, wire(server.port, sent) as one:
        if sent.startswith(GET):
            assert one.answer().status == 200
        answer = one.answer()
        assert (answer.status, answer.headers["connection"]) == (408, "close")
        assert part in answer.error and "0.3 s" in answer.error
        assert one.ended()
    assert app.refused == ([408] if part == "body" else [])


def test_a_client_that_sends_a_byte_now_and_then_gains_no_time(app):
    with running(app, head_time=0.5) as server, wire(server.port) as one:
        ended = threading.Event()
        one.send(b"GET / HTTP/1.1\r\nA: ")
        sending = threading.Thread(target=_trickle, args=(one, ended))
        sending.start()
        assert one.answer().status == 408
        ended.set()
        sending.join(20)


def _trickle(one: Wire, ended: threading.Event) -> None:
    while not ended.wait(0.05):
        try:
            one.send(b"a")
        except OSError:
            return


def test_an_idle_connection_is_kept_and_then_closed(app):
    with running(app, keep_alive=0.5) as server, wire(server.port, GET) as one:
        assert one.answer().status == 200
        assert one.send(GET).answer().status == 200
        assert one.ended()


def test_a_connection_of_age_ends_with_an_answer(app):
    with running(app, connection_age=0.2) as server, wire(server.port) as one:
        answers = [one.send(GET).answer()]
        while "connection" not in answers[-1].headers:
            answers.append(one.send(GET).answer())
        assert answers[-1].headers["connection"] == "close"
        assert {answer.status for answer in answers} == {200}
        assert one.ended()
    with running(app, connection_age=0.0) as server:
        assert "connection" not in ask(server.port, GET).headers


def test_an_answer_that_is_not_taken_is_dropped(app):
    with running(app, answer_stall=0.3) as server, wire(server.port, GET.replace(b"/ ", b"/large ")):
        wait_for(lambda: not server.server.door.guests, "the connection's end", 60)


# ------------------------------------------------------------------------------------------------------------- memory


def test_all_bodies_together_are_bounded(app):
    with running(app, bodies=100_000, body_time=NEVER) as server, ExitStack() as open_ones:
        door = server.server.door
        first = open_ones.enter_context(wire(server.port, upload(80_000, 60_000)))
        wait_for(lambda: door.body_bytes == 60_000, "the first body")
        refused = ask(server.port, upload(50_000))
        assert (refused.status, refused.headers["retry-after"]) == (503, "1")
        assert "memory" in refused.error
        small = ask(server.port, upload(30_000, 30_000))
        assert (small.status, small.body) == (200, b"30000")
        # Without a length the bytes count as they come.
        chunked = b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nc350\r\n" + b"x" * 50_000
        assert ask(server.port, chunked).status == 503
        assert ask(server.port, GET).status == 200
        assert first.send(b"x" * 20_000).answer().body == b"80000"
        wait_for(lambda: door.body_bytes == 0, "free memory")
        assert ask(server.port, upload(50_000, 50_000)).body == b"50000"


def test_a_part_of_the_memory_is_kept_for_small_bodies(app):
    with running(app, bodies=800_000, body_time=NEVER) as server, ExitStack() as open_ones:
        for _ in range(7):
            open_ones.enter_context(wire(server.port, upload(100_000, 99_999)))
        wait_for(lambda: server.server.door.body_bytes == 7 * 99_999, "large uploads that stall")
        assert ask(server.port, upload(70_000)).status == 503
        assert ask(server.port, upload(60_000, 60_000)).body == b"60000"


@pytest.mark.parametrize("chunked", [False, True])
def test_of_uploads_that_begin_together_the_oldest_fit(app, chunked):
    size, step = 200_000, 20_000

    def part(upload_of: bytes) -> bytes:
        return b"%x\r\n%b\r\n" % (len(upload_of), upload_of) if chunked else upload_of

    framing = b"Transfer-Encoding: chunked\r\n\r\n" if chunked else b"Content-Length: %d\r\n\r\n" % size
    with running(app, body=size, bodies=1_000_000, body_time=NEVER) as server, ExitStack() as open_ones:
        door = server.server.door

        def holds(size: int) -> bool:
            return door.body_bytes == size

        begin = b"POST / HTTP/1.1\r\n" + HOST + framing
        uploads = [open_ones.enter_context(wire(server.port, begin)) for _ in range(10)]
        for done in range(0, size, step):
            for each in uploads:
                before = door.body_bytes
                with suppress(ConnectionError):  # those that are refused
                    each.send(part(b"x" * step))
                if done <= 3 * step:
                    wait_for(partial(holds, before + step), "the piece")
        for each in uploads[:4]:  # four bodies of 200,000 bytes are what large bodies may fill of 1,000,000
            assert (each.send(b"0\r\n\r\n") if chunked else each).answer().body == b"200000"
        for each in uploads[4:]:
            refused = each.answer()
            assert (refused.status, refused.headers["retry-after"]) == (503, "1")
        wait_for(lambda: door.body_bytes == 0 and not door.uploads, "free memory")


CHUNKED = b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"


def test_an_upload_that_comes_later_pushes_none_out(app):
    with running(app, bodies=800_000, body_time=NEVER) as server, ExitStack() as open_ones:
        uploads = [open_ones.enter_context(wire(server.port, upload(100_000, 99_000))) for _ in range(7)]
        wait_for(lambda: server.server.door.body_bytes == 7 * 99_000, "memory without room for a large body")
        assert ask(server.port, CHUNKED + b"13880\r\n" + b"x" * 80_000).status == 503
        assert [each.send(b"x" * 1000).answer().body for each in uploads] == [b"100000"] * 7


@dataclass(eq=False)
class Arriving:
    """An upload of which `held` bytes are in memory."""

    door: Door
    held: int

    def give_way(self) -> None:
        self.door.uploads.pop(self)
        self.door.body_bytes -= self.held


def test_uploads_give_way_only_where_that_makes_room() -> None:
    door = Door(HttpLimits(bodies=800_000))
    oldest, second, youngest = (Arriving(door, size) for size in (200_000, 70_000, 80_000))
    door.uploads = dict.fromkeys((oldest, second, youngest))
    door.body_bytes = 650_000  # 300,000 of them are of requests that have arrived, which cannot give way
    assert not door.make_room(oldest, 201_000, 401_000)
    assert list(door.uploads) == [oldest, second, youngest]
    assert door.make_room(oldest, 60_000, 260_000)
    assert list(door.uploads) == [oldest, second]
    assert door.has_room_for(60_000, 260_000)


def test_memory_that_a_body_grows_to_counts_until_its_answer(app):
    with running(app, bodies=60_000) as server:
        for _ in range(3):
            assert ask(server.port, upload(5, 5, b"/inflate")).body == b"True"
        assert ask(server.port, upload(20_000, 20_000, b"/inflate")).body == b"False"
        wait_for(lambda: server.server.door.has_room_for(60_000, 1), "free memory")


def test_a_body_that_can_never_fit_is_too_large_rather_than_too_early(app):
    with running(app, body=50_000, bodies=125_000) as server:
        refused = ask(server.port, upload(120_000))
        assert (refused.status, "retry-after" in refused.headers) == (413, False)
        assert "120000" in refused.error and "50000" in refused.error


def test_an_application_that_passes_bodies_on_takes_what_memory_would_not_hold(app):
    with running(app, bodies=1_000_000, streams=True) as server:
        assert ask(server.port, upload(3_000_000, 3_000_000)).body == b"3000000"


def test_the_part_for_small_bodies_is_not_for_large_ones_that_inflate_in_pieces(app):
    with running(app, bodies=800_000, body_time=NEVER) as server, ExitStack() as open_ones:
        for _ in range(6):
            open_ones.enter_context(wire(server.port, upload(100_000, 99_999)))
        wait_for(lambda: server.server.door.body_bytes == 6 * 99_999, "large uploads that stall")
        assert ask(server.port, upload(5, 5, b"/inflate")).body == b"True"
        assert ask(server.port, upload(5, 5, b"/inflate-on")).body == b"100000"


def test_a_client_that_leaves_in_its_upload_frees_the_memory(app):
    with running(app, bodies=100_000) as server:
        with wire(server.port, upload(80_000, 60_000)):
            wait_for(lambda: server.server.door.body_bytes == 60_000, "the body")
        wait_for(lambda: server.server.door.body_bytes == 0, "free memory")


# -------------------------------------------------------------------------------------------------------- connections


def test_a_connection_over_the_limit_takes_the_place_of_the_longest_idle(app):
    with running(app, connections=3) as server, ExitStack() as open_ones:
        idle = [open_ones.enter_context(wire(server.port, GET)) for _ in range(3)]
        for one in idle:
            assert one.answer().status == 200
        wait_for(lambda: all(_age(one) > 1.1 for one in list(server.server.door.idle)), "silence")
        assert ask(server.port, GET).status == 200
        assert idle[0].ended()
        assert [one.send(GET).answer().status for one in idle[1:]] == [200, 200]


def test_a_connection_that_never_asked_makes_room_first(app):
    with running(app, connections=3) as server, ExitStack() as open_ones:
        used = [open_ones.enter_context(wire(server.port, GET)) for _ in range(2)]
        for one in used:
            assert one.answer().status == 200
        fresh = open_ones.enter_context(wire(server.port))
        wait_for(lambda: len(server.server.door.fresh) == 1, "the connection")
        wait_for(lambda: all(_age(one) > 1.1 for one in list(server.server.door.fresh)), "silence")
        assert ask(server.port, GET).status == 200
        assert fresh.ended()
        assert [one.send(GET).answer().status for one in used] == [200, 200]


def test_where_no_connection_is_idle_a_new_one_is_refused(app):
    with running(app, connections=2, head_time=NEVER) as server, ExitStack() as open_ones:
        busy = [open_ones.enter_context(wire(server.port, b"GET / HTTP/1.1\r\n")) for _ in range(2)]
        wait_for(lambda: not server.server.door.fresh and len(server.server.door.guests) == 2, "both")
        refused = ask(server.port, GET)
        assert (refused.status, refused.headers["retry-after"]) == (503, "1") and "connections" in refused.error
        assert [one.send(HOST + b"\r\n").answer().status for one in busy] == [200, 200]
        busy[0].close()
        wait_for(lambda: len(server.server.door.guests) < 2, "room")
        assert ask(server.port, GET).status == 200


def test_connections_that_were_refused_take_no_place(app):
    with running(app, connections=2, head_time=NEVER, linger=NEVER) as server, ExitStack() as open_ones:
        door = server.server.door
        busy = [open_ones.enter_context(wire(server.port, b"GET / HTTP/1.1\r\n")) for _ in range(2)]
        wait_for(lambda: not door.fresh and len(door.guests) == 2, "both")
        refused = [open_ones.enter_context(wire(server.port)) for _ in range(MAX_REFUSED + 5)]
        assert [one.answer().status for one in refused[:MAX_REFUSED]] == [503] * MAX_REFUSED
        assert all(one.ended() for one in refused)
        assert (len(door.guests), len(door.refused)) == (2, MAX_REFUSED)
        busy[0].close()
        wait_for(lambda: len(door.guests) < 2, "room")
        assert ask(server.port, GET).status == 200


@pytest.mark.parametrize("size", [0, 3, 2_000_000])
def test_a_client_that_leaves_while_it_waits_is_noticed(app, size):
    with running(app) as server:
        with wire(server.port, upload(size, size, b"/watch")):
            assert app.entered.wait(60)
            assert not app.left.wait(0.3)
        assert app.left.wait(60)


# ---------------------------------------------------------------------------------------------------------------- end


@pytest.mark.parametrize(
    "sent", [b"GET / HT", upload(10, 3), b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"]
)
def test_a_request_that_is_incomplete_at_the_end_is_answered_503(app, sent, caplog):
    with running(app, drain_upload=0.2, head_time=NEVER, body_time=NEVER, drain_seconds=50) as server:
        with wire(server.port, sent) as one:
            wait_for(lambda: len(server.server.door.guests) == 1 and not server.server.door.fresh, "the request")
            server.end_soon()
            answer = one.answer()
            assert (answer.status, answer.headers["retry-after"]) == (503, "1")
            assert "stops" in answer.error and "send it again to another replica" in answer.error
        server.stop()
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_a_request_that_becomes_complete_at_the_end_is_answered(app):
    with running(app, drain_upload=60) as server, wire(server.port, upload(5, 2)) as one:
        wait_for(lambda: server.server.door.body_bytes == 2, "the request")
        server.end_soon()
        wait_for(lambda: not server.server.servers[0].is_serving(), "the end's beginning")
        one.send(b"xxx")
        answer = one.answer()
        assert (answer.body, answer.headers["connection"]) == (b"5", "close")


def test_idle_connections_end_at_once_and_answers_are_given(app):
    with running(app) as server, wire(server.port, GET) as idle, wire(server.port) as fresh:
        assert idle.answer().status == 200
        with wire(server.port, upload(3, 3, b"/hold")) as busy:
            assert app.entered.wait(60)
            server.end_soon()
            assert idle.ended() and fresh.ended()
            app.release.set()
            answer = busy.answer()
            assert (answer.body, answer.headers["connection"]) == (b"3", "close")


def test_an_answer_that_takes_longer_than_the_end_is_a_503(app, caplog):
    with running(app, drain_seconds=1) as server, wire(server.port, upload(3, 3, b"/watch")) as one:
        assert app.entered.wait(60)
        server.end_soon()
        answer = one.answer()
        assert answer.status == 503 and "stopped before" in answer.error
    assert not [record for record in caplog.records if record.exc_info]


def test_a_reset_leaves_no_trace(app, caplog):
    with running(app) as server:
        for sent in (b"GET /", upload(10, 3), GET):
            one = Wire(server.port).send(sent)
            one.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            one.close()
        wait_for(lambda: not server.server.door.guests, "their ends")
        assert ask(server.port, GET).status == 200
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
