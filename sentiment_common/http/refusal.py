"""Answers of the HTTP layer: JSON like every other error; the connection closes after each."""

import http
import json
from collections.abc import Collection, Iterable

JSON = b"application/json"
INTERNAL = "internal error; the server's log says more"  # a client's answer after a bug here
NO_MEMORY = "the bodies of other requests fill the memory that there is for them; send it again later"


def status_line(status: int) -> bytes:
    """Return the first line of an answer."""
    try:
        phrase = http.HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}\r\n".encode()


def shared_with(fields: Iterable[tuple[bytes, bytes]], origins: Collection[str]) -> list[tuple[bytes, bytes]]:
    """Return the header fields by which a page with these request `fields` may read the answer (CORS); else empty."""
    origin = next((value for name, value in fields if name == b"origin"), None)
    if origin is None or not ("*" in origins or origin.decode("latin-1") in origins):
        return []
    allowed = (
        [(b"access-control-allow-origin", b"*")]
        if "*" in origins
        else [(b"access-control-allow-origin", origin), (b"vary", b"Origin")]
    )
    return [*allowed, (b"access-control-expose-headers", b"Retry-After")]


class Refusal(Exception):
    """A request that is not passed to the application; the message is for the client."""

    def __init__(self, status: int, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after

    def answer(self, default_headers: list[tuple[bytes, bytes]], *, head_only: bool) -> bytes:
        """Return the bytes of the answer, without a body for HEAD."""
        body = json.dumps({"error": str(self)}, separators=(",", ":")).encode()
        fields = [*default_headers, (b"content-type", JSON), (b"content-length", str(len(body)).encode())]
        if self.retry_after is not None:
            fields.append((b"retry-after", str(self.retry_after).encode()))
        lines = [b"%b: %b\r\n" % pair for pair in [*fields, (b"connection", b"close")]]
        return b"".join([status_line(self.status), *lines, b"\r\n", b"" if head_only else body])
