"""Content codings of REST bodies: gzip and deflate, inflated under a bound, and gzip for large answers on request."""

import zlib

from model_server.errors import InvalidInput, TooLarge, UnsupportedCoding

_ZLIB, _GZIP = zlib.MAX_WBITS, 16 + zlib.MAX_WBITS
_WINDOWS = {"gzip": _GZIP, "x-gzip": _GZIP, "deflate": _ZLIB}
# Clients of every language ask for gzip by themselves: a small answer is not worth the time that they wait for it.
COMPRESS_FROM_BYTES = 16_384


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


def inflate(raw: bytes, coding: str, limit: int) -> bytes:
    """The plain body of a compressed one, of which no more than a byte over `limit` is ever made.

    Raises:
        TooLarge: there is more.
        InvalidInput: it is not of that coding, ends too soon, or has something behind it.
    """
    stream = zlib.decompressobj(_WINDOWS[coding])
    try:
        plain = stream.decompress(raw, limit + 1)
    except zlib.error as error:
        raise InvalidInput(f"the body is not {coding}, as Content-Encoding says: {error}") from None
    if len(plain) > limit:
        raise TooLarge(f"the body has more than {limit} bytes once its {coding} is undone; send less in one request")
    if not stream.eof:
        raise InvalidInput(f"the body's {coding} ends too soon")
    if stream.unused_data:
        raise InvalidInput(f"{len(stream.unused_data)} bytes follow the body's {coding}")
    return plain


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
