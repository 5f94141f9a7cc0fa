"""Facts about a request beyond ASGI; neutral values under another server."""

import time
from collections.abc import MutableMapping
from typing import Any

from sentiment_common.http.exchange import EXTENSION, Exchange
from sentiment_common.http.refusal import Refusal

Scope = MutableMapping[str, Any]


def _exchange(scope: Scope) -> Exchange | None:
    found = scope.get("extensions", {}).get(EXTENSION)
    return found if isinstance(found, Exchange) else None


def began(scope: Scope) -> float:
    """Return the monotonic time of the request's first byte."""
    exchange = _exchange(scope)
    return exchange.began if exchange else time.monotonic()


def refusal(scope: Scope) -> Refusal | None:
    """Return the answer that the client got in place of the application's, such as 408 for a slow body."""
    exchange = _exchange(scope)
    return exchange.refusal if exchange else None


def claim(scope: Scope, size: int) -> bool:
    """Count bytes of memory that the body took beyond those received; False if no memory is left for them.

    They are given back with the end of the request. Any thread may claim.
    """
    exchange = _exchange(scope)
    return exchange.claim(size) if exchange else True
