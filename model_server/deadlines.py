"""Deadlines of requests, in monotonic seconds: read at the edge, kept by the data plane."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from model_server.errors import DeadlineExceeded, InvalidInput

HEADER = "x-request-timeout"
_PASSED = "the request's deadline passed before its answer"
_SECONDS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,9})?")


def deadline_of(header: str | None) -> float | None:
    """The deadline that `X-Request-Timeout` sets from now on; None without one.

    Raises:
        InvalidInput: not a number of seconds above 0.
    """
    if header is None:
        return None
    if not _SECONDS.fullmatch(header) or not (seconds := float(header)):
        raise InvalidInput(f"X-Request-Timeout is {header!r}; send the seconds that the request has, such as 2.5")
    return time.monotonic() + seconds


@asynccontextmanager
async def within(deadline: float, passed: Callable[[], None]) -> AsyncIterator[None]:
    """Cancel the block when its deadline passes, so that what it queued leaves the queue.

    Args:
        passed: called once when the deadline passes before the block's end.

    Raises:
        DeadlineExceeded: it passed.
    """
    left = deadline - time.monotonic()
    if left <= 0:
        passed()
        raise DeadlineExceeded(_PASSED)
    try:
        async with asyncio.timeout(left) as timer:
            yield
    except asyncio.CancelledError:
        if time.monotonic() >= deadline:  # gRPC's own timer cancels the call at the same moment
            passed()
        raise
    except TimeoutError:
        if not timer.expired():
            raise
        passed()
        raise DeadlineExceeded(_PASSED) from None
