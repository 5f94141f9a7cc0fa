"""Blocking work on threads that the process does not wait for when it stops."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


class Interrupted(Exception):
    """The process is stopping; the work's result is discarded."""


class Background:
    """Run work that may block as long as its storage does, each piece on its own daemon thread.

    asyncio's executor would be joined when the process ends, however long a read from storage stalls.
    """

    def __init__(self) -> None:
        self._stopping = asyncio.Event()
        self._threads: list[threading.Thread] = []

    @property
    def running(self) -> bool:
        """True while a thread has not ended."""
        return any(thread.is_alive() for thread in self._threads)

    def stop(self) -> None:
        """Interrupt all callers that wait for work, now and later."""
        self._stopping.set()

    async def run(self, work: Callable[[], T], discard: Callable[[T], object]) -> T:
        """Return the result of `work`.

        Args:
            discard: called on the thread with a result that arrives after the interruption.

        Raises:
            Interrupted: `stop` was called first.
        """
        future: Future[T] = Future()

        def body() -> None:
            try:
                result = work()
            except BaseException as error:
                with suppress(InvalidStateError):  # the caller was interrupted
                    future.set_exception(error)
                return
            try:
                future.set_result(result)
            except InvalidStateError:
                discard(result)

        thread = threading.Thread(target=body, name="background", daemon=True)
        self._threads = [known for known in self._threads if known.is_alive()] + [thread]
        thread.start()
        result = asyncio.wrap_future(future)
        stopping = asyncio.ensure_future(self._stopping.wait())
        waited: set[asyncio.Future[Any]] = {result, stopping}
        try:
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if future.cancel():
                raise Interrupted("the server is stopping")
            return await result
        finally:
            stopping.cancel()
            future.cancel()
