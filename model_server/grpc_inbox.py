"""Messages of gRPC calls as they arrive: within a time, and so many at once."""

import asyncio
from typing import Any

import grpc

from model_server.errors import InvalidInput, TooSlow
from model_server.settings import ServerSettings


class Inbox:
    """Receives the one message of a call.

    gRPC's own handlers of such calls begin when the message is whole, which its client may put off for ever; whatever
    has arrived stays in memory meanwhile. So calls are handled as streams, and the first message is awaited here. A
    message of which nothing is read takes up no more than the connection's window.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self._seconds = settings.request_body_seconds
        self._places = asyncio.Semaphore(settings.grpc_max_uploads)

    async def receive(self, context: Any) -> bytes:
        """The call's message.

        Raises:
            TooSlow: it did not arrive in time.
            InvalidInput: the call ended without one.
        """
        try:
            async with asyncio.timeout(self._seconds), self._places:
                message = await context.read()
        except TimeoutError:
            raise TooSlow(f"the message did not arrive within {self._seconds:g} s; send it faster") from None
        if message is grpc.aio.EOF:
            raise InvalidInput("the call ended without a message; send one")
        return bytes(message)
