"""API keys at the REST edge: an ASGI middleware. Probes and metrics stay open."""

import re

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from model_server.access.guard import Guard, Need
from model_server.access.keys import Key
from model_server.errors import ServingError, Unauthenticated
from model_server.rest.exchange import error_response

_OPEN = re.compile(
    r"/|/metrics|/health|/v2/health/(live|ready)|/v2/models/[^/]+(/versions/[^/]+)?/ready|/v1/models/[^/:]+"
)
_ADMIN = re.compile(r"/v2/repository/models/.*", re.DOTALL)
_TEXTS = re.compile(r"/predict|/v2/models/[^/]+(/versions/[^/]+)?/infer|/v1/models/[^/:]+:(predict|explain)")
_KEY = "sentiment.api_key"


def key_of(scope: Scope) -> Key | None:
    """Return the key that admitted a request; None where keys are off."""
    key: Key | None = scope.get(_KEY)
    return key


def _need(path: str) -> Need:
    if _ADMIN.fullmatch(path):
        return Need.ADMIN
    return Need.TEXTS if _TEXTS.fullmatch(path) else Need.KNOWN


class KeyMiddleware:
    """Admit or refuse requests by their key, before a body is read."""

    def __init__(self, app: ASGIApp, guard: Guard) -> None:
        self._app, self._guard = app, guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not _OPEN.fullmatch(scope["path"]):
            headers = Headers(scope=scope)
            try:
                scope[_KEY] = self._guard.admit(
                    headers.get("authorization"), headers.get("x-api-key"), _need(scope["path"])
                )
            except ServingError as error:
                response = error_response(error)
                if isinstance(error, Unauthenticated):
                    response.headers["WWW-Authenticate"] = "Bearer"
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)
