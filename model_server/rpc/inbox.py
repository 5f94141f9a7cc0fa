"""Receiving messages of gRPC calls, within limits of time, number and memory."""

import asyncio
from dataclasses import dataclass
from typing import Any

import grpc

from model_server.errors import InvalidInput, TooSlow, Unavailable
from model_server.settings import ServerSettings
from sentiment_common.http.door import SMALL_BODY
from sentiment_common.http.refusal import NO_MEMORY

STOPPING_SECONDS = 2.0  # as for the HTTP servers' uploads
QUESTION_SECONDS = 2.0
_CANCEL_SECONDS = 0.1  # a cancelled call also reads EOF; its handler is cancelled a moment later


@dataclass(frozen=True, slots=True)
class Lane:
    """Number of messages received at once, and the time that each may take."""

    places: asyncio.Semaphore
    seconds: float


class Memory:
    """Bytes of the messages whose calls have not ended, and their limit."""

    def __init__(self, limit: int) -> None:
        self._limit, self.used = limit, 0

    def take(self, size: int) -> None:
        """Count a message; an eighth of the limit is reserved for small ones, as for bodies of REST.

        Raises:
            Unavailable: the limit is reached.
        """
        if self.used + size > (self._limit if size <= SMALL_BODY else self._limit - self._limit // 8):
            raise Unavailable(NO_MEMORY)
        self.used += size

    def release(self, size: int) -> None:
        """Stop counting a message."""
        self.used -= size


class Inbox:
    """Receive the messages of calls.

    gRPC's own handlers begin when the message is complete, which a client may delay for ever while its bytes stay in
    memory. So calls are handled as streams, and the first message is awaited here. A message that is not read yet uses
    no more than the connection's window.

    Attributes:
        uploads: the lane of texts.
        questions: the lane of short messages, such as a model's name. Uploads do not delay them.
        reflection: the lane of reflection, whose clients may pause between two messages.
        memory: the bytes of received messages.
    """

    def __init__(self, settings: ServerSettings) -> None:
        uploads, seconds = settings.grpc_max_uploads, settings.request_body_seconds
        self.uploads = Lane(asyncio.Semaphore(uploads), seconds)
        self.questions = Lane(asyncio.Semaphore(uploads), min(QUESTION_SECONDS, seconds))
        self.reflection = Lane(asyncio.Semaphore(max(1, uploads // 4)), seconds)
        self.memory = Memory(settings.all_bodies_bytes)
        self._timers: set[asyncio.Timeout] = set()
        self._stopping = False

    def stop(self) -> None:
        """Give messages that are still arriving `STOPPING_SECONDS`: the server is stopping."""
        self._stopping = True
        for timer in self._timers:
            if not timer.expired():  # an expired timer cannot be changed, and its call ends anyway
                timer.reschedule(asyncio.get_running_loop().time() + STOPPING_SECONDS)

    async def receive(self, context: Any, lane: Lane) -> Any:
        """Return the call's first message.

        Raises:
            TooSlow, Unavailable: as `read`.
            InvalidInput: the call ended without a message.
        """
        message = await self.read(context, lane)
        if message is grpc.aio.EOF:
            await asyncio.sleep(_CANCEL_SECONDS)
            raise InvalidInput("the call ended without a message; send one")
        return message

    async def read(self, context: Any, lane: Lane) -> Any:
        """Return the call's next message, or gRPC's EOF.

        Raises:
            TooSlow: the message did not arrive in time.
            Unavailable: no place became free in time; or the server is stopping, and the message did not arrive in
                the remaining time.
        """
        timer = asyncio.timeout(STOPPING_SECONDS if self._stopping else lane.seconds)
        self._timers.add(timer)
        waiting = lane.places.locked()
        try:
            async with timer, lane.places:
                if waiting and not self._stopping:
                    timer.reschedule(asyncio.get_running_loop().time() + lane.seconds)
                waiting = False
                return await context.read()
        except TimeoutError:
            if self._stopping:
                raise Unavailable("the server is stopping; ask another replica") from None
            if waiting:
                raise Unavailable("the messages of other calls are still arriving; send it again later") from None
            raise TooSlow(f"the message did not arrive within {lane.seconds:g} s; send it faster") from None
        finally:
            self._timers.discard(timer)
