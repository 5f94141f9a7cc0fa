"""Content codings of REST bodies: gzip and deflate, inflated under a bound, and gzip for large answers on request."""

import zlib
from collections.abc import Callable

from model_server.errors import InvalidInput, TooLarge, Unavailable, UnsupportedCoding
from sentiment_common.http.refusal import NO_MEMORY

_ZLIB, _GZIP = zlib.MAX_WBITS, 16 + zlib.MAX_WBITS
_WINDOWS = {"gzip": _GZIP, "x-gzip": _GZIP, "deflate": _ZLIB}
# Clients of every language ask for gzip by themselves: a small answer is not worth the time that they wait for it.
COMPRESS_FROM_BYTES = 16_384
_PIECE_BYTES = 1 << 20
# What is behind a member is copied once for each, so that little is given at a time, and members have a bound.
_CHUNK_BYTES = 1 << 16
MAX_MEMBERS = 1024
_GZIP_MAGIC = b"\x1f\x8b"


def coding_of(header: str | None) -> str | None:
    """The one coding that a Content-Encoding header names; None for none.

    Raises:
        UnsupportedCoding: another one than gzip and deflate, or several.
    """
    coding = (header or "identity").strip().lower()
    if coding == "identity":
        return None
    if coding not in _WINDOWS:
        raise UnsupportedCoding(f"Content-Encoding is {coding!r}; send gzip, deflate or the plain body")
    return coding


def _window(coding: str, raw: bytes) -> int:
    """The form of a body; `deflate` is zlib's (RFC 1950), but clients are about that send it bare (RFC 1951)."""
    if coding != "deflate":
        return _GZIP
    is_zlib = len(raw) < 2 or (raw[0] & 15 == zlib.DEFLATED and (raw[0] << 8 | raw[1]) % 31 == 0)
    return _ZLIB if is_zlib else -zlib.MAX_WBITS


def inflate(raw: bytes, coding: str, limit: int, claim: Callable[[int], bool] = lambda _: True) -> bytes:
    """The plain body of a compressed one, of which no more than a byte over `limit` is ever made.

    A gzip body may have several members, one behind the other (RFC 1952, 2.2), as `cat a.gz b.gz` makes them.
    `claim` is told the size of each piece, and says whether there is memory for it.

    Raises:
        Unavailable: there is no memory for it.
        TooLarge: there is more.
        InvalidInput: it is not of that coding, ends too soon, has too many members, or has something behind it.
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
    """Inflate the stream that begins at `position` onto `plain`; where it ends. For what it raises see `inflate`."""
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
    """Does an Accept-Encoding header take gzip? The last word on it counts, and `q=0` is a no."""
    taken = False
    for part in (header or "").lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        if name in ("gzip", "x-gzip"):
            taken = not any(parameter.replace(" ", "").rstrip("0.") == "q=" for parameter in parameters)
    return taken


def gzip(raw: bytes) -> bytes:
    """A gzip file of `raw`, made for speed."""
    stream = zlib.compressobj(1, zlib.DEFLATED, _GZIP)
    return stream.compress(raw) + stream.flush()
