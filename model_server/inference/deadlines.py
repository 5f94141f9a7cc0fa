"""Deadlines of requests, in monotonic seconds: read at the edge, kept by the data plane."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from model_server.errors import DeadlineExceeded, InvalidInput

HEADER = "x-request-timeout"
_PASSED = "the request's deadline passed before its answer"
_SECONDS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,9})?")


def deadline_of(header: str | None, began: float) -> float | None:
    """Return the deadline that `X-Request-Timeout` sets, counted from the request's first byte; None without it.

    Raises:
        InvalidInput: the header is not a number of seconds above 0.
    """
    if header is None:
        return None
    if not _SECONDS.fullmatch(header) or not (seconds := float(header)):
        raise InvalidInput(f"X-Request-Timeout is {header!r}; send the seconds that the request has, such as 2.5")
    return began + seconds


@asynccontextmanager
async def within(deadline: float) -> AsyncIterator[None]:
    """Cancel the block when its deadline passes, so that its texts leave the queue.

    Raises:
        DeadlineExceeded: the deadline passed.
    """
    left = deadline - time.monotonic()
    if left <= 0:
        raise DeadlineExceeded(_PASSED)
    try:
        async with asyncio.timeout(left) as timer:
            yield
    except TimeoutError:
        if not timer.expired():
            raise
        raise DeadlineExceeded(_PASSED) from None
