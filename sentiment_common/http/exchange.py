"""One request and its answer: the ASGI side of a connection."""

import asyncio
import logging
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Protocol

from sentiment_common.http.door import SMALL_BODY, Door
from sentiment_common.http.head import Fields
from sentiment_common.http.refusal import INTERNAL, NO_MEMORY, Refusal, status_line

log = logging.getLogger("sentiment_common.http")
HIGH_WATER = 65_536  # bytes of a body that wait for the application before its connection is read no further
# A body that an answer did not wait for is read to its end when so little is missing; otherwise the connection ends.
SMALL_REST = 65_536
_STATUS_LINES = {status: status_line(status) for status in range(200, 600)}
_BAD_NAME = re.compile(rb"[^!#$%&'*+.^_`|~0-9A-Za-z-]")
_BAD_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_NO_BODY = frozenset((204, 304))
_TOO_LATE = frozenset((HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.GATEWAY_TIMEOUT))
EXTENSION = "sentiment.exchange"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Wire(Protocol):
    """The connection, as its exchanges see it."""

    door: Door
    write: Callable[[bytes], None]
    can_write: asyncio.Event | None
    """Set once the client has taken most of what was written; None while it keeps up."""

    @property
    def default_headers(self) -> list[tuple[bytes, bytes]]:
        """Return the header fields of every answer."""

    def ends_after_answer(self) -> bool:
        """Report whether the connection must end with the next answer."""

    def resume_body(self) -> None:
        """Resume reading: the application has taken the body's waiting bytes."""

    def answered(self, exchange: "Exchange") -> None:
        """Record that the answer is complete."""

    def write_refusal(self, refusal: Refusal, fields: Fields, *, head_only: bool) -> None:
        """Send and count an answer that the HTTP layer gives to a request with these header fields."""

    def refuse_body(self, refusal: Refusal) -> None:
        """Answer the request whose body is arriving, and stop reading."""

    def abort(self) -> None:
        """Drop the connection: its client must see that the answer is cut."""


class Exchange:
    """A request whose head is complete; the connection adds the body, the application takes it and answers."""

    __slots__ = (
        *("_answer_left", "_body", "_chunked_answer", "_ended", "_event", "_head", "_inflated", "_wire"),
        *("answered", "began", "disconnected", "expects", "head_only", "held", "keep_alive", "left", "more_body"),
        *("refusal", "scope", "started"),
    )

    def __init__(self, wire: Wire, scope: dict[str, Any], began: float, *, keep_alive: bool) -> None:
        self._wire = wire
        self.scope = scope
        self.began = began  # monotonic time of the request's first byte
        self.keep_alive = keep_alive
        self.head_only = scope["method"] == "HEAD"
        self.expects = False  # the client waits for 100 Continue
        self.more_body = True
        self.left: int | None = 0  # bytes of the body still to come; None where unknown until its end
        self.held = 0  # bytes of the body that count as in memory
        self.started = self.answered = self.disconnected = False
        self.refusal: Refusal | None = None
        self._inflated = 0
        self._body = bytearray()
        self._ended = False  # the application has the body's end
        self._event: asyncio.Event | None = None
        self._head = b""
        self._chunked_answer = False
        self._answer_left = 0
        scope["extensions"] = {EXTENSION: self}

    async def run(self, app: Any) -> None:
        """Let the application answer, and answer for it where it fails."""
        try:
            await app(self.scope, self.receive, self.send)
        except asyncio.CancelledError:
            self._fail(Refusal(503, "the server stopped before the answer was ready; send the request again", 1))
        except Exception as error:  # the last resort of every application
            log.exception("a request failed", exc_info=error)
            self._fail(Refusal(500, INTERNAL))
        else:
            if not self.answered and not self.disconnected:
                log.error("the application returned without a complete answer")
                self._fail(Refusal(500, INTERNAL))
        finally:
            self.release()

    def _fail(self, refusal: Refusal) -> None:
        if self.disconnected or self.answered:
            return
        if self.refusable:
            self.refuse(refusal)
        else:
            self._wire.abort()

    @property
    def refusable(self) -> bool:
        """Report whether nothing of the answer was sent yet."""
        return not self.started or bool(self._head)

    def refuse(self, refusal: Refusal) -> None:
        """Answer in place of the application; its answer is dropped from now on."""
        self.refusal, self.keep_alive = refusal, False
        self.started = self.answered = True
        self._wire.write_refusal(refusal, self.scope["headers"], head_only=self.head_only)
        self.wake()
        self._wire.answered(self)

    def give_way(self) -> None:
        """Refuse the rest of the body, so that older uploads fit."""
        self._wire.refuse_body(Refusal(503, NO_MEMORY, 1))
        self._body.clear()
        self.release()

    def release(self) -> None:
        """Stop counting the body as in memory."""
        self._wire.door.uploads.pop(self, None)
        self._wire.door.body_bytes -= self.held
        self.held = 0
        if self._inflated:
            self._wire.door.give_back(self._inflated)
            self._inflated = 0

    def claim(self, size: int) -> bool:
        """Count the bytes that the body has grown to, on any thread; False where the memory does not suffice."""
        if not self._wire.door.claim(size, self.held + self._inflated + size):
            return False
        self._inflated += size
        return True

    def add(self, data: bytes) -> bool:
        """Take a piece of the body; False where its connection should be read no further for now."""
        self._body += data
        self.held += len(data)
        self._wire.door.body_bytes += len(data)
        if self.held > SMALL_BODY:
            self._wire.door.uploads[self] = None
        if self.left is not None:
            self.left -= len(data)
        self.wake()
        return len(self._body) <= HIGH_WATER

    def wake(self) -> None:
        """Wake `receive`."""
        if self._event is not None:
            self._event.set()

    async def receive(self) -> dict[str, Any]:
        """Receive the next ASGI message."""
        if self.expects and not self.started:
            self.expects = False
            self._wire.write(CONTINUE)
        while not (self.disconnected or self.answered):
            if self._body or not (self.more_body or self._ended):
                return self._take()
            self._event = self._event or asyncio.Event()
            self._event.clear()
            await self._event.wait()
        return {"type": "http.disconnect"}

    def _take(self) -> dict[str, Any]:
        body, self._body = bytes(self._body), bytearray()
        self._ended = not self.more_body
        if self._wire.door.limits.streams:
            self._wire.door.body_bytes -= len(body)
            self.held -= len(body)
        self._wire.resume_body()  # also behind the last piece: a client that leaves must be noticed
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    async def send(self, message: Any) -> None:
        """Send an ASGI message. The head is sent together with the first piece of the body, in one write."""
        if self._wire.can_write is not None:
            await self._wire.can_write.wait()
        if self.disconnected or self.refusal is not None:
            return
        if not self.started:
            self._head = self._make_head(message)
            self.started = True
            return
        if self.answered or message["type"] != "http.response.body":
            raise RuntimeError(
                f"{message['type']} does not follow what was sent; send http.response.body until its end"
            )
        more = message.get("more_body", False)
        piece = self._frame(message.get("body", b""), more=more)
        self._wire.write(self._head + piece if self._head else piece)
        self._head = b""
        if more:
            return
        self.answered = True
        self.wake()
        self._wire.answered(self)

    def _frame(self, body: bytes, *, more: bool) -> bytes:
        if self.head_only:
            return b""
        if self._chunked_answer:
            framed = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            return framed if more else framed + b"0\r\n\r\n"
        if self._answer_left >= 0:
            self._answer_left -= len(body)
            if self._answer_left < 0 or (self._answer_left and not more):
                raise RuntimeError("the answer's body is not as long as its Content-Length")
        return body

    def _make_head(self, message: Any) -> bytes:
        if message["type"] != "http.response.start":
            raise RuntimeError(f"{message['type']} came first; send http.response.start")
        status = message["status"]
        lines = [_STATUS_LINES[status]]
        sized, closing = False, self.more_body and status in _TOO_LATE
        self._answer_left = -1
        for sent, value in (*self._wire.default_headers, *message.get("headers", ())):
            name = sent.lower()
            if _BAD_NAME.search(name) or _BAD_VALUE.search(value):
                raise RuntimeError(f"the answer's header {name!r} has characters that no header may have")
            if name == b"content-length":
                sized, self._answer_left = True, 0 if self.head_only else int(value)
            elif name == b"transfer-encoding":
                continue  # the framing is decided here
            elif name == b"connection":
                closing = closing or b"close" in value.lower()
                continue
            lines += (name, b": ", value, b"\r\n")
        if not sized and not self.head_only and status not in _NO_BODY:
            # HTTP/1.0 has no chunks: there the connection's end is the body's.
            self._chunked_answer = self.scope["http_version"] != "1.0"
            if self._chunked_answer:
                lines.append(b"transfer-encoding: chunked\r\n")
        if closing or not self.keep_alive or self._wire.ends_after_answer() or self._rest_is_large():
            self.keep_alive = False
            lines.append(b"connection: close\r\n")
        lines.append(b"\r\n")
        return b"".join(lines)

    def _rest_is_large(self) -> bool:
        """Report whether too much of the body is missing to read it; after `Expect` a client may send none."""
        return self.more_body and (self.expects or self.left is None or self.left > SMALL_REST)
