"""Parse bytes to requests: llhttp parses, and this module checks and bounds what llhttp does not.

Uvicorn's own class for this parser drops the body of a request that offers an upgrade, and bounds no head.
"""

import enum
from abc import ABC, abstractmethod
from typing import NamedTuple

import httptools

from sentiment_common.http.head import JUDGED, Framing, check_sizes, framing, split_target, too_large
from sentiment_common.http.limits import HttpLimits
from sentiment_common.http.refusal import Refusal

_CHUNK_OVERHEAD = 16  # bytes of a chunked body's framing for each byte of its content


class Reading(enum.Enum):
    """The part of a request that is being read."""

    NOTHING = "between two requests"
    HEAD = "head"
    BODY = "body"


class Head(NamedTuple):
    """A request's head that is complete and valid."""

    method: str
    version: str
    path: str
    raw_path: bytes
    query: bytes
    fields: list[tuple[bytes, bytes]]
    framing: Framing
    keep_alive: bool


class RequestParser(ABC):
    """Parse the requests of one connection, one after another; a subclass is called with their parts."""

    def __init__(self, limits: HttpLimits) -> None:
        self._limits = limits
        self._parser = httptools.HttpRequestParser(self)
        self._reading = Reading.NOTHING
        self._last = False
        """Report whether no further request is read."""
        self._target = b""
        self._fields: list[tuple[bytes, bytes]] = []
        self.head_fields: list[tuple[bytes, bytes]] = []
        """Return the header fields so far of the request being read; empty between two requests."""
        self._judged: list[tuple[bytes, bytes]] = []
        self._framing = Framing(0, False, False)
        self._head_bytes = self._fed = self._framed_bytes = self._body_bytes = 0
        self._gap_bytes = self._body_bytes_before = 0
        # An upgrade was offered: the parser skips the body, and another is given the body's framing to read it.
        self._skipped = self._restarting = self._head_keeps_alive = False
        self._ended = False  # a request has ended in the bytes that are parsed

    @abstractmethod
    def head_begins(self) -> None:
        """Handle the first byte of a request. May raise Refusal."""

    @abstractmethod
    def head_ends(self, head: Head) -> None:
        """Handle a complete head. May raise Refusal."""

    @abstractmethod
    def body_piece(self, piece: bytes) -> None:
        """Handle a piece of the body. May raise Refusal."""

    @abstractmethod
    def request_ends(self) -> None:
        """Handle the end of the body."""

    def feed(self, data: bytes) -> None:
        """Parse bytes; an offer to upgrade is declined by reading on (RFC 9110, 7.8).

        Raises:
            Refusal: they are not a request, or it is over a bound.
        """
        rest = memoryview(data)
        before = self._reading
        while rest:
            self._fed, before, self._ended = len(rest), self._reading, False
            try:
                self._parser.feed_data(rest)
                break
            except httptools.HttpParserUpgrade as offer:
                rest = rest[offer.args[0] :]
                self._read_skipped_body()
            except httptools.HttpParserError as error:
                if isinstance(error.__context__, Refusal):
                    raise error.__context__ from None
                if self._last:  # what follows a last request is not read
                    return
                raise Refusal(400, f"the request is not valid HTTP/1.1 ({error}); see RFC 9112") from None
        self._check_unfinished(len(rest), before)

    def _read_skipped_body(self) -> None:
        if not self._skipped:
            return
        self._skipped, self._restarting = False, True
        size = b"transfer-encoding: chunked" if self._framing.chunked else b"content-length: %d" % self._framing.length
        last = b"" if self._head_keeps_alive else b"connection: close\r\n"
        self._parser = httptools.HttpRequestParser(self)  # the former one reads nothing behind a last request
        self._parser.feed_data(b"POST / HTTP/1.1\r\n" + last + size + b"\r\n\r\n")
        self._restarting = False

    def _check_unfinished(self, size: int, before: Reading) -> None:
        """Bound what the parser holds back until a field, or the framing of a chunk, is complete.

        Raises:
            Refusal: it is too much.
        """
        if self._reading is Reading.HEAD:
            if before is not Reading.BODY and not self._ended:
                self._head_bytes += size
            else:
                # Some of the bytes belong to the request before: these are the least that belong to this one.
                self._head_bytes = len(self._target) + sum(len(name) + len(value) for name, value in self._fields)
            if self._head_bytes > self._limits.head:
                raise too_large(f"the head has more than {self._limits.head} bytes; send fewer or shorter fields")
        elif self._reading is Reading.BODY and before is Reading.BODY and self._framing.chunked:
            self._framed_bytes += size
            self._gap_bytes = self._gap_bytes + size if self._body_bytes == self._body_bytes_before else 0
            self._body_bytes_before = self._body_bytes
            if self._gap_bytes > self._limits.head:
                message = f"the chunked body has more than {self._limits.head} bytes of framing in one place"
                raise Refusal(400, f"{message}; send shorter extensions and trailers")
            if self._framed_bytes > self._limits.head + _CHUNK_OVERHEAD * self._body_bytes:
                raise Refusal(400, "the chunked body has far more framing than content; send larger chunks")

    # ------------------------------------------------------------------------------------------- the parser calls these

    def on_message_begin(self) -> None:
        if self._restarting:
            return
        self.head_begins()
        self._reading = Reading.HEAD
        self._target, self._judged = b"", []
        self._fields = self.head_fields = []
        self._head_bytes = 0

    def on_url(self, target: bytes) -> None:
        if self._restarting:
            return
        self._target += target
        if len(self._target) > self._limits.target:
            raise Refusal(414, f"the request's target has more than {self._limits.target} bytes; send a shorter one")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._restarting:
            return
        fields = self._fields
        if len(fields) >= self._limits.fields:
            raise too_large(f"there are more than {self._limits.fields} header fields; send fewer")
        field = (name.lower(), value.strip(b" \t"))
        fields.append(field)
        if field[0] in JUDGED:
            self._judged.append(field)

    def on_headers_complete(self) -> None:
        if self._restarting:
            return
        parser, fields = self._parser, self._fields
        version = parser.get_http_version()
        if version not in ("1.1", "1.0"):
            raise Refusal(505, f"HTTP/{version} is not offered here; send HTTP/1.1")
        if self._head_bytes + self._fed > self._limits.field:
            check_sizes(fields, self._limits)
        self._framing = framing(version, self._judged)
        method = parser.get_method().decode("ascii")
        if method == "CONNECT":
            raise Refusal(501, "CONNECT is not offered: this server is not a proxy")
        self._skipped = parser.should_upgrade() and (self._framing.chunked or self._framing.length > 0)
        self._framed_bytes = self._body_bytes = self._gap_bytes = self._body_bytes_before = 0
        self._fields = []  # trailers are bounded like fields, and are not fields of the head
        self._reading = Reading.BODY
        keep_alive = self._head_keeps_alive = version == "1.1" and parser.should_keep_alive()
        self.head_ends(Head(method, version, *split_target(self._target), fields, self._framing, keep_alive))

    def on_body(self, piece: bytes) -> None:
        self._body_bytes += len(piece)
        self.body_piece(piece)

    def on_message_complete(self) -> None:
        if self._skipped or self._restarting:
            return
        if self._fields:
            check_sizes(self._fields, self._limits)
        self._reading, self._ended, self.head_fields = Reading.NOTHING, True, []
        self.request_ends()
