"""Where a request's time went, told to its client by the header `Server-Timing` (W3C, in milliseconds)."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_spent: ContextVar[dict[str, float] | None] = ContextVar("spent", default=None)


@contextmanager
def phase(name: str) -> Iterator[None]:
    """Add the time of a block to the phase `name` of the request that runs; nothing outside of one."""
    spent, started = _spent.get(), time.perf_counter()
    try:
        yield
    finally:
        if spent is not None:
            spent[name] = spent.get(name, 0.0) + time.perf_counter() - started


class ServerTiming:
    """Give each HTTP answer its phases and `total`, from the request's head to the answer's."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        spent: dict[str, float] = {}
        started = time.perf_counter()

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                parts = spent | {"total": time.perf_counter() - started}
                told = ", ".join(f"{name};dur={seconds * 1000:.2f}" for name, seconds in parts.items())
                message["headers"] = [*message.get("headers", ()), (b"server-timing", told.encode())]
            await send(message)

        token = _spent.set(spent)
        try:
            await self._app(scope, receive, sending)
        finally:
            _spent.reset(token)
