"""The header `Server-Timing` (W3C) of every HTTP answer."""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from model_server.phases import Phases

_PHASES = "sentiment.phases"


def phases_of(scope: Scope) -> Phases:
    """Return the list of a request's phases, the same at each call."""
    phases: Phases = scope.setdefault(_PHASES, [])
    return phases


class ServerTiming:
    """Add the phases of each answer, and `total`: from the request's head to the answer's."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, phases = time.monotonic(), phases_of(scope)

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                parts: dict[str, float] = {}
                for name, start, end in phases:
                    parts[name] = parts.get(name, 0.0) + end - start
                parts["total"] = time.monotonic() - began
                value = ", ".join(f"{name};dur={seconds * 1000:.2f}" for name, seconds in parts.items())
                message["headers"] = [*message.get("headers", ()), (b"server-timing", value.encode())]
            await send(message)

        await self._app(scope, receive, sending)
