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


def inflate(raw: bytes, coding: str, limit: int, claim: Callable[[int], bool] = lambda _: True) -> bytes:
    """The plain body of a compressed one, of which no more than a byte over `limit` is ever made.

    `claim` is told the size of each piece, and says whether there is memory for it.

    Raises:
        Unavailable: there is no memory for it.
        TooLarge: there is more.
        InvalidInput: it is not of that coding, ends too soon, or has something behind it.
    """
    stream = zlib.decompressobj(_WINDOWS[coding])
    plain, rest = bytearray(), raw
    while rest and not stream.eof and len(plain) <= limit:
        try:
            piece = stream.decompress(rest, min(_PIECE_BYTES, limit + 1 - len(plain)))
        except zlib.error as error:
            raise InvalidInput(f"the body is not {coding}, as Content-Encoding says: {error}") from None
        if not claim(len(piece)):
            raise Unavailable(NO_MEMORY)
        plain += piece
        rest = stream.unconsumed_tail
    if len(plain) > limit:
        raise TooLarge(f"the body has more than {limit} bytes once its {coding} is undone; send less in one request")
    if not stream.eof:
        raise InvalidInput(f"the body's {coding} ends too soon")
    if stream.unused_data:
        raise InvalidInput(f"{len(stream.unused_data)} bytes follow the body's {coding}")
    return bytes(plain)


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
