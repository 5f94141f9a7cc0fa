"""A listening socket that outlives the process's limit of open files."""

import asyncio
import errno
import logging
import socket
import time
from typing import Any

log = logging.getLogger("sentiment_common.http")
EXHAUSTED = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
_PAUSE_SECONDS = 0.5  # less than the second after which asyncio tries again


class Listener(socket.socket):
    """Fail once where asyncio would accept, fail, log and schedule a retry for each place of the backlog.

    The retries would multiply, and occupy the event loop for as long as the process may open no more files.
    """

    _paused_until = 0.0

    def accept(self) -> tuple[socket.socket, Any]:
        if time.monotonic() < self._paused_until:
            raise BlockingIOError
        try:
            return super().accept()
        except OSError as error:
            if error.errno in EXHAUSTED:
                self._paused_until = time.monotonic() + _PAUSE_SECONDS
            raise


def report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log a failure to accept in one line, and every other error as the event loop does."""
    error = context.get("exception")
    if isinstance(error, OSError) and error.errno in EXHAUSTED:
        log.warning(
            "connections wait, because the process cannot open another file (%s); raise the limit (ulimit -n), or set "
            "a lower MAX_CONNECTIONS",
            error.strerror,
        )
    else:
        loop.default_exception_handler(context)
