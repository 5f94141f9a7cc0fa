"""Messages of gRPC calls as they arrive: within a time, so many at once, and within a bound of memory."""

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
_CANCEL_SECONDS = 0.1  # a cancelled call reads as EOF, too; its handler is cancelled a moment later


@dataclass(frozen=True, slots=True)
class Lane:
    """Places for messages that arrive at once, and the time that one message may take."""

    places: asyncio.Semaphore
    seconds: float


class Memory:
    """The bytes of messages whose calls have not ended."""

    def __init__(self, limit: int) -> None:
        self._limit, self.used = limit, 0

    def take(self, size: int) -> None:
        """Count a message; an eighth is kept for small ones, as for bodies of REST.

        Raises:
            Unavailable: there is no memory for it.
        """
        if self.used + size > (self._limit if size <= SMALL_BODY else self._limit - self._limit // 8):
            raise Unavailable(NO_MEMORY)
        self.used += size

    def release(self, size: int) -> None:
        """Count a message no longer."""
        self.used -= size


class Inbox:
    """Receives messages of calls.

    gRPC's own handlers of such calls begin when the message is whole, which its client may put off for ever; whatever
    has arrived stays in memory meanwhile. So calls are handled as streams, and the first message is awaited here. A
    message of which nothing is read takes up no more than the connection's window.

    Attributes:
        uploads: the lane of texts.
        questions: the lane of short messages, such as a model's name. Uploads do not hold them up.
        reflection: the lane of reflection, whose clients may pause between two messages.
        memory: the bytes of the messages that were received.
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
            if not timer.expired():  # one that expires cannot be changed, and its call ends by itself
                timer.reschedule(asyncio.get_running_loop().time() + STOPPING_SECONDS)

    async def receive(self, context: Any, lane: Lane) -> Any:
        """The call's first message.

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
        """The call's next message, or gRPC's EOF.

        Raises:
            TooSlow: it did not arrive in time.
            Unavailable: no place became free in time; or the server is stopping, and the message did not arrive in
                the time that is left.
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
