"""The rules of RFC 9110 and 9112 for a request's head that the parser does not check itself."""

import re
from typing import NamedTuple
from urllib.parse import unquote

import httptools

from sentiment_common.http.limits import HttpLimits
from sentiment_common.http.refusal import Refusal

Fields = list[tuple[bytes, bytes]]
# Fields that decide about the message itself.
JUDGED = frozenset((b"host", b"content-length", b"transfer-encoding", b"expect"))
_HOST = re.compile(rb"(\[[0-9A-Fa-f:.%A-Za-z0-9]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]*)(:[0-9]*)?")


class Framing(NamedTuple):
    """A body's length, and whether the client waits for 100 Continue before it sends the body."""

    length: int
    chunked: bool
    expects_continue: bool


def framing(version: str, fields: Fields) -> Framing:
    """Return the framing that the judged fields of a request state.

    Raises:
        Refusal: a field is missing, repeated or not valid.
    """
    hosts, length, chunked, expects = 0, 0, False, False
    for name, value in fields:
        if name == b"host":
            hosts += 1
            if not _HOST.fullmatch(value):
                raise Refusal(400, "Host is not a host name with an optional port; send the name in the URL")
        elif name == b"content-length":
            length = int(value)  # the parser lets only one through, of digits
        elif name == b"transfer-encoding":
            if value.lower() != b"chunked":
                shown = ascii(value[:64].decode("latin-1"))
                raise Refusal(501, f"Transfer-Encoding is {shown}; send chunked alone, or Content-Length")
            chunked = True
        elif value.lower() == b"100-continue":
            expects = version != "1.0"
        else:
            raise Refusal(417, "Expect is not offered but for '100-continue'; leave it out")
    if hosts > 1 or (not hosts and version != "1.0"):
        raise Refusal(400, f"Host is sent {hosts} times; send it once, as HTTP/1.1 requires")
    if chunked and version == "1.0":
        raise Refusal(400, "Transfer-Encoding does not exist in HTTP/1.0; send Content-Length, or HTTP/1.1")
    return Framing(length, chunked, expects)


def check_sizes(fields: Fields, limits: HttpLimits) -> None:
    """Refuse a head that is complete and too large.

    Raises:
        Refusal: a field or all of them are over their bound.
    """
    total = 0
    for name, value in fields:
        if len(name) + len(value) > limits.field:
            raise too_large(f"a header field has more than {limits.field} bytes; send a shorter one")
        total += len(name) + len(value) + 4
    if total > limits.head:
        raise too_large(f"the header fields have more than {limits.head} bytes; send fewer or shorter ones")


def too_large(message: str) -> Refusal:
    """Return the refusal of a head over its bounds."""
    return Refusal(431, message)


def split_target(target: bytes) -> tuple[str, bytes, bytes]:
    """Return path, path as sent, and query of a request's target in origin, absolute or asterisk form.

    Raises:
        Refusal: the target has another form.
    """
    if target[:1] == b"/" and b"#" not in target:
        raw, _, query = target.partition(b"?")
    elif target == b"*":
        raw, query = target, b""
    else:
        try:
            url = httptools.parse_url(target)
        except httptools.HttpParserError:
            raise Refusal(400, "the request's target is not a path or a URL; send a path such as /v2") from None
        raw, query = url.path or b"/", url.query or b""
    path = raw.decode("latin-1")
    return (unquote(path) if "%" in path else path), raw, query
