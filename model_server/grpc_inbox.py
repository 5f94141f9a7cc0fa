"""Messages of gRPC calls as they arrive: within a time, and so many at once."""

import asyncio
from typing import Any

import grpc

from model_server.errors import InvalidInput, TooSlow, Unavailable
from model_server.settings import ServerSettings

STOPPING_SECONDS = 2.0  # as for the HTTP servers' uploads


class Inbox:
    """Receives the one message of a call.

    gRPC's own handlers of such calls begin when the message is whole, which its client may put off for ever; whatever
    has arrived stays in memory meanwhile. So calls are handled as streams, and the first message is awaited here. A
    message of which nothing is read takes up no more than the connection's window.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self._seconds = settings.request_body_seconds
        self._places = asyncio.Semaphore(settings.grpc_max_uploads)
        self._timers: set[asyncio.Timeout] = set()
        self._stopping = False

    def stop(self) -> None:
        """Give messages that are still arriving `STOPPING_SECONDS`: the server is stopping."""
        self._stopping = True
        for timer in self._timers:
            if timer.expired():  # its call ends by itself, and it can be changed no more
                continue
            timer.reschedule(asyncio.get_running_loop().time() + STOPPING_SECONDS)

    async def receive(self, context: Any) -> bytes:
        """The call's message.

        Raises:
            TooSlow: it did not arrive in time.
            Unavailable: the server is stopping, and it did not arrive in the time that is left.
            InvalidInput: the call ended without one.
        """
        timer = asyncio.timeout(STOPPING_SECONDS if self._stopping else self._seconds)
        self._timers.add(timer)
        try:
            async with timer, self._places:
                message = await context.read()
        except TimeoutError:
            if self._stopping:
                raise Unavailable("the server is stopping; ask another replica") from None
            raise TooSlow(f"the message did not arrive within {self._seconds:g} s; send it faster") from None
        finally:
            self._timers.discard(timer)
        if message is grpc.aio.EOF:
            raise InvalidInput("the call ended without a message; send one")
        return bytes(message)
