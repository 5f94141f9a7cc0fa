"""Where a request's time went, for the header `Server-Timing` (W3C) of its answer and for its trace."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from starlette.types import ASGIApp, Message, Receive, Scope, Send

Phase = tuple[str, float, float]  # name, beginning and end in monotonic seconds
_phases: ContextVar[list[Phase] | None] = ContextVar("phases", default=None)


@contextmanager
def recording() -> Iterator[list[Phase]]:
    """The phases of the request that runs in this block; a block within another one shares its list."""
    if (outer := _phases.get()) is not None:
        yield outer
        return
    phases: list[Phase] = []
    token = _phases.set(phases)
    try:
        yield phases
    finally:
        _phases.reset(token)


def record(name: str, began: float, ended: float) -> None:
    """Add a phase to the request that runs; nothing outside of one."""
    if (phases := _phases.get()) is not None:
        phases.append((name, began, ended))


class ServerTiming:
    """Give each HTTP answer its phases and `total`, from the request's head to the answer's."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.monotonic()

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                parts: dict[str, float] = {}
                for name, start, end in phases:
                    parts[name] = parts.get(name, 0.0) + end - start
                parts["total"] = time.monotonic() - began
                told = ", ".join(f"{name};dur={seconds * 1000:.2f}" for name, seconds in parts.items())
                message["headers"] = [*message.get("headers", ()), (b"server-timing", told.encode())]
            await send(message)

        with recording() as phases:
            await self._app(scope, receive, sending)
