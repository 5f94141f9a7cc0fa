"""One HTTP/1.1 connection: the order of its answers, its time, and its end. A protocol class for uvicorn's server."""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.server import ServerState

from sentiment_common.http.door import Door
from sentiment_common.http.exchange import Exchange
from sentiment_common.http.head import Fields
from sentiment_common.http.parsing import Head, Reading, RequestParser
from sentiment_common.http.refusal import NO_MEMORY, Refusal, shared_with

NEVER = float("inf")
MAX_PIPELINED = 32
# While the server stops, as `linger` and `answer_stall` of `HttpLimits`.
DRAIN_LINGER_SECONDS = 1.0
DRAIN_STALL_SECONDS = 5.0


class Connection(RequestParser, asyncio.Protocol):
    """One connection; `door` is what it shares with the others."""

    write: Callable[[bytes], None]

    def __init__(
        self,
        door: Door,
        config: Config,
        server: ServerState,
        app_state: dict[str, Any],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(door.limits)
        self.door = door
        self._app, self._root_path = config.loaded_app, config.root_path
        self._server, self._app_state, self._loop = server, app_state, loop
        self._transport: asyncio.Transport = None  # type: ignore[assignment]  # until connected
        self._base: dict[str, Any] = {}
        # Requests: the one being read, the one being answered, and those between; a refusal is the last.
        self._exchange: Exchange | None = None
        self._running: Exchange | None = None
        self._waiting: deque[Exchange | Refusal] = deque()
        # Times in monotonic seconds.
        self.idle_since = self._began = 0.0
        self._deadline = self._retire_at = self._stalled_at = self._left_when_paused = NEVER
        self._retiring = self._draining = self._ending = self._paused = self._secure = False
        self._dropped_bytes = self._unsent_bytes = 0
        self._answers_in_parting = self._completed_at = 0
        self.can_write: asyncio.Event | None = None

    # ---------------------------------------------------------------------------------------------- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is not a subclass
        self.write = self._transport.write
        self._secure = transport.get_extra_info("sslcontext") is not None
        self._base = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "server": _pair(transport.get_extra_info("sockname")),
            "client": _pair(transport.get_extra_info("peername")),
            "scheme": "https" if self._secure else "http",
            "root_path": self._root_path,
        }
        now = self.idle_since = time.monotonic()
        self._deadline = now + self._limits.keep_alive
        if self._limits.connection_age:
            self._retire_at = now + self._limits.connection_age * random.uniform(0.9, 1.1)
        if self.door.enter(self):
            self._server.connections.add(self)  # type: ignore[arg-type]  # uvicorn names its own classes
        elif self.door.turn_away(self):
            self._refuse(Refusal(503, "the server has as many connections as it may; connect again in a moment", 1))
        else:
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.connections.discard(self)
        self.door.leave(self)
        self._ending, self._deadline = True, NEVER
        for exchange in (self._running, self._exchange, *self._waiting):
            if isinstance(exchange, Exchange):
                exchange.disconnected = True
                exchange.wake()
                if exchange is not self._running:
                    exchange.release()
        self._waiting.clear()
        self.resume_writing()
        self._parser = None  # type: ignore[assignment]  # it refers to this object

    def eof_received(self) -> bool:
        """Answer a client that sent its request and then closed its sending side; any other client has left."""
        if self._ending or self._running is None or self._reading is not Reading.NOTHING or self._secure:
            return False
        if self.door.is_past(self._completed_at):
            return False
        self._last = True
        return True

    def data_received(self, data: bytes) -> None:
        if self._ending or self._last:
            self._dropped_bytes += len(data)
            if self._dropped_bytes > self._limits.linger_bytes:
                self.leave()
            return
        try:
            self.feed(data)
        except Refusal as refusal:
            self._refuse(refusal)

    def pause_writing(self) -> None:
        self._stalled_at = time.monotonic() + self._stall_seconds
        self._unsent_bytes = self._transport.get_write_buffer_size()
        self.can_write = asyncio.Event()

    def resume_writing(self) -> None:
        self._stalled_at = NEVER
        if self.can_write is not None:
            self.can_write.set()
            self.can_write = None

    # ------------------------------------------------------------------------------------------------------- requests

    def head_begins(self) -> None:
        if len(self._waiting) >= MAX_PIPELINED:
            raise Refusal(400, f"more than {MAX_PIPELINED} requests came in advance of their answers; send fewer")
        self.door.busy(self)
        self._exchange = None
        self._began = time.monotonic()
        self._allow(self._limits.head_time, self._began)

    def head_ends(self, head: Head) -> None:
        length, chunked, expects = head.framing
        if length and not self._limits.streams and not self.door.has_room_for(length, length):
            if length > self._limits.body:
                raise Refusal(413, f"the body has {length} bytes; the limit is {self._limits.body}")
            raise Refusal(503, NO_MEMORY, 1)
        scope = {
            **self._base,
            "http_version": head.version,
            "method": head.method,
            "path": self._root_path + head.path if self._root_path else head.path,
            "raw_path": head.raw_path,
            "query_string": head.query,
            "headers": head.fields,
            "state": self._app_state.copy(),
        }
        exchange = self._exchange = Exchange(self, scope, self._began, keep_alive=head.keep_alive)
        exchange.expects, exchange.left = expects, None if chunked else length
        if length or chunked:
            self._allow(self._limits.body_time, time.monotonic())
        if self._running is None:
            self._start(exchange)
        else:
            self._waiting.append(exchange)
            self._pause()

    def body_piece(self, piece: bytes) -> None:
        exchange = self._exchange
        assert exchange is not None
        if exchange.answered:
            return
        body = exchange.held + (exchange.left or len(piece))
        fits = self.door.make_room(exchange, len(piece), body)
        if not exchange.add(piece):
            self._pause()
        if not fits:
            raise Refusal(503, NO_MEMORY, 1)

    def request_ends(self) -> None:
        exchange = self._exchange
        assert exchange is not None
        exchange.more_body = False
        self.door.uploads.pop(exchange, None)
        exchange.wake()
        self._deadline, self._completed_at = NEVER, self.door.stamp()
        if not exchange.keep_alive:
            self._last = True
        if exchange.answered and self._running is None:
            self._become_idle()

    # -------------------------------------------------------------------------------------------------------- answers

    def _start(self, exchange: Exchange) -> None:
        self._running = exchange
        task = self._loop.create_task(exchange.run(self._app))
        task.add_done_callback(self._server.tasks.discard)
        self._server.tasks.add(task)

    def answered(self, exchange: Exchange) -> None:
        """Run the next request, wait for a request, or end."""
        self._running = None
        self._server.total_requests += 1
        if self._ending:
            return
        if not exchange.keep_alive:
            # Where the client did not ask for the end, its next requests may be on their way.
            self._end(linger=exchange.refusal is not None or not self._last)
            return
        if self._waiting:
            following = self._waiting.popleft()
            if isinstance(following, Refusal):
                self._refuse(following)
                return
            self._start(following)
        elif self._last:
            self._end()
            return
        elif self._reading is Reading.NOTHING:
            self._become_idle()
        self.resume_body()

    def _become_idle(self) -> None:
        if self._draining:
            self._end()
            return
        self.idle_since = time.monotonic()
        self._deadline = self.idle_since + self._limits.keep_alive
        self.door.idle[self] = None

    def refuse_body(self, refusal: Refusal) -> None:
        self._refuse(refusal)

    def _refuse(self, refusal: Refusal) -> None:
        """Answer a request that cannot be read to its end, behind the answers that come before it, and read no more."""
        current, self._last = self._exchange, True
        if self._reading is Reading.BODY and current is not None:
            if current.answered:
                self._end(linger=True)
                return
            if current is self._running:
                if current.refusable:
                    current.refuse(refusal)
                else:
                    self.abort()
                return
            if current in self._waiting:
                self._waiting.remove(current)
                current.release()
        if self._running is not None:
            self._waiting.append(refusal)
            self._deadline = NEVER
            return
        self.write_refusal(refusal, self.head_fields, head_only=False)
        self._end(linger=True)

    def write_refusal(self, refusal: Refusal, fields: Fields, *, head_only: bool) -> None:
        shared = shared_with(fields, self.door.origins)
        self.door.on_refusal(refusal.status)  # before its client can ask for the count
        self.write(refusal.answer([*self.default_headers, *shared], head_only=head_only))

    @property
    def default_headers(self) -> list[tuple[bytes, bytes]]:
        return self._server.default_headers

    def ends_after_answer(self) -> bool:
        """Report whether the connection ends; requests sent in advance are answered first, within a bound."""
        if not (self._retiring or self._draining or self._last):
            return False
        if not self._waiting:
            return True
        if self._last:
            return False
        self._answers_in_parting += 1
        return self._answers_in_parting > MAX_PIPELINED

    # ----------------------------------------------------------------------------------------------------------- time

    def _allow(self, seconds: float, now: float) -> None:
        """Set the deadline of the part of the request that is read next."""
        if self._draining:
            seconds = self._limits.drain_upload
        if self._paused:
            self._left_when_paused = seconds
        else:
            self._deadline = now + seconds

    @property
    def _stall_seconds(self) -> float:
        stall = self._limits.answer_stall
        return min(stall, DRAIN_STALL_SECONDS) if self._draining else stall

    def _pause(self) -> None:
        """Pause reading; the time in which the request must arrive is paused too."""
        if not self._paused and not self._transport.is_closing():
            self._paused = True
            self._left_when_paused = self._deadline - time.monotonic()
            self._deadline = NEVER
            self._transport.pause_reading()

    def resume_body(self) -> None:
        """Resume reading, unless requests wait for the running one."""
        if self._paused and not self._waiting and not self._transport.is_closing():
            self._paused = False
            if self._reading is not Reading.NOTHING:
                self._deadline = time.monotonic() + self._left_when_paused
            self._transport.resume_reading()

    def look(self, now: float) -> None:
        """Act on the deadlines that have passed; a client that takes its answer slowly has not stalled."""
        if now > self._retire_at:
            self._retiring = True
        closing = self._ending and self._transport.is_closing()
        if closing or self._stalled_at != NEVER:
            unsent = self._transport.get_write_buffer_size()
            if unsent < self._unsent_bytes:
                if closing:
                    self._deadline = now + self._stall_seconds
                if self._stalled_at != NEVER:
                    self._stalled_at = now + self._stall_seconds
            self._unsent_bytes = unsent
        if now > self._stalled_at:
            self.abort()
        elif now > self._deadline:
            self._expire()

    def _expire(self) -> None:
        if self._ending and self._transport.is_closing():
            self.abort()
        elif self._ending or self._reading is Reading.NOTHING:
            self.leave()
        elif self._draining:
            message = f"the server stops, and the request's {self._reading.value} is incomplete"
            self._refuse(Refusal(503, f"{message}; send it again to another replica", 1))
        else:
            seconds = self._limits.head_time if self._reading is Reading.HEAD else self._limits.body_time
            message = f"the request's {self._reading.value} did not arrive in {seconds:g} s; send it faster"
            self._refuse(Refusal(408, message))

    # --------------------------------------------------------------------------------------------------------- ending

    def _end(self, *, linger: bool = False) -> None:
        """Close once all output was taken; where a request was not read to its end, read and drop for a while.

        A connection that is closed with bytes unread is reset, and its client may lose the answer.
        """
        self._ending = True
        self.door.busy(self)
        for waiting in self._waiting:
            if isinstance(waiting, Exchange):
                waiting.release()
        self._waiting.clear()
        if self._transport.is_closing() or not (linger or self._reading is not Reading.NOTHING):
            self.leave()
            return
        self.resume_body()
        linger_time = min(self._limits.linger, DRAIN_LINGER_SECONDS) if self._draining else self._limits.linger
        self._deadline = time.monotonic() + linger_time
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def leave(self) -> None:
        """Close once all output was taken."""
        self._ending = True
        self._deadline = time.monotonic() + self._stall_seconds
        self._unsent_bytes = self._transport.get_write_buffer_size()
        self._transport.close()

    def abort(self) -> None:
        """Drop the connection at once."""
        self._ending = True
        self._transport.abort()

    def shutdown(self) -> None:
        """End when idle, and with the next answer otherwise: uvicorn's server stops."""
        self._draining = True
        if self._ending:
            seconds = self._stall_seconds if self._transport.is_closing() else DRAIN_LINGER_SECONDS
            self._deadline = min(self._deadline, time.monotonic() + seconds)
        elif self._reading is not Reading.NOTHING:
            self._deadline = min(self._deadline, time.monotonic() + self._limits.drain_upload)
        elif self._running is None:
            self.leave()


def _pair(address: Any) -> tuple[str, int] | None:
    """Return host and port of an address, which has more parts in IPv6; None for a socket without one."""
    return (str(address[0]), int(address[1])) if isinstance(address, tuple) else None
