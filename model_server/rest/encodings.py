"""Content codings of REST bodies: gzip and deflate, inflated under a bound, and gzip for large answers on request."""

import zlib
from collections.abc import Callable

from model_server.errors import InvalidInput, TooLarge, Unavailable, UnsupportedCoding
from sentiment_common.http.refusal import NO_MEMORY

_ZLIB, _GZIP = zlib.MAX_WBITS, 16 + zlib.MAX_WBITS
_WINDOWS = {"gzip": _GZIP, "x-gzip": _GZIP, "deflate": _ZLIB}
# Most HTTP clients accept gzip by default; for a small answer it costs them more time than it saves.
COMPRESS_FROM_BYTES = 16_384
_PIECE_BYTES = 1 << 20
# zlib copies its unread input once for each member, so it gets little at a time, and the number of members is limited.
_CHUNK_BYTES = 1 << 16
MAX_MEMBERS = 1024
_GZIP_MAGIC = b"\x1f\x8b"


def coding_of(header: str | None) -> str | None:
    """Return the coding that a Content-Encoding header names; None for a plain body.

    Raises:
        UnsupportedCoding: the coding is neither gzip nor deflate, or the header names several.
    """
    coding = (header or "identity").strip().lower()
    if coding == "identity":
        return None
    if coding not in _WINDOWS:
        raise UnsupportedCoding(f"Content-Encoding is {coding!r}; send gzip, deflate or the plain body")
    return coding


def _window(coding: str, raw: bytes) -> int:
    """Return zlib's code of a body's format: `deflate` means RFC 1950, but some clients send the bare RFC 1951."""
    if coding != "deflate":
        return _GZIP
    is_zlib = len(raw) < 2 or (raw[0] & 15 == zlib.DEFLATED and (raw[0] << 8 | raw[1]) % 31 == 0)
    return _ZLIB if is_zlib else -zlib.MAX_WBITS


def inflate(raw: bytes, coding: str, limit: int, claim: Callable[[int], bool] = lambda _: True) -> bytes:
    """Return the plain body of a compressed one; at most one byte more than `limit` is ever made.

    A gzip body may have several members, one after the other (RFC 1952, 2.2), as `cat a.gz b.gz` makes them.

    Args:
        claim: called with the size of each piece; returns whether memory is left for it.

    Raises:
        Unavailable: no memory is left.
        TooLarge: the plain body is longer than `limit`.
        InvalidInput: the body is not of that coding, ends too soon, has too many members, or other bytes follow it.
    """
    window, plain, position = _window(coding, raw), bytearray(), 0
    for _ in range(MAX_MEMBERS):
        position = _add_member(plain, raw, position, window, coding, limit, claim)
        if position == len(raw):
            return bytes(plain)
        if window != _GZIP or not raw.startswith(_GZIP_MAGIC, position):
            raise InvalidInput(f"{len(raw) - position} bytes follow the body's {coding}; leave them out")
    raise InvalidInput(f"the body has more than {MAX_MEMBERS} members of {coding}; compress it as one")


def _add_member(
    plain: bytearray, raw: bytes, position: int, window: int, coding: str, limit: int, claim: Callable[[int], bool]
) -> int:
    """Append the plain bytes of the stream at `position` to `plain`; return where it ends. Raises as `inflate`."""
    stream, source = zlib.decompressobj(window), memoryview(raw)
    while not stream.eof:
        given: bytes | memoryview = stream.unconsumed_tail
        if not given:
            given = source[position : position + _CHUNK_BYTES]
            position += len(given)
        try:
            piece = stream.decompress(given, min(_PIECE_BYTES, limit + 1 - len(plain)))
        except zlib.error as error:
            raise InvalidInput(f"the body is not {coding}, as Content-Encoding says: {error}") from None
        if not claim(len(piece)):
            raise Unavailable(NO_MEMORY)
        plain += piece
        if len(plain) > limit:
            raise TooLarge(
                f"the body has more than {limit} bytes once its {coding} is undone; send less in one request"
            )
        if not piece and not given:
            raise InvalidInput(f"the body's {coding} ends too soon; send it whole")
    return position - len(stream.unused_data)


def accepts_gzip(header: str | None) -> bool:
    """Return whether an Accept-Encoding header allows gzip; the last mention counts, and `q=0` refuses it."""
    taken = False
    for part in (header or "").lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        if name in ("gzip", "x-gzip"):
            taken = not any(parameter.replace(" ", "").rstrip("0.") == "q=" for parameter in parameters)
    return taken


def gzip(raw: bytes) -> bytes:
    """Compress `raw` as a gzip file, at the fastest level."""
    stream = zlib.compressobj(1, zlib.DEFLATED, _GZIP)
    return stream.compress(raw) + stream.flush()
