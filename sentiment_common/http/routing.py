"""Routing of all our servers: HEAD wherever GET is, no redirects, and JSON for unknown paths and methods."""

import json
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sentiment_common.http.refusal import INTERNAL

_REASONS = {404: "no such path", 405: "this method is not allowed here"}


def canonical(path: str) -> str:
    """Return the path without one slash at its end."""
    return path[:-1] if path.endswith("/") and not path.endswith("//") and path != "/" else path


class CanonicalPaths:
    """Serve `/path/` as `/path`.

    A redirect would name the scheme of the last hop, which is `http` behind a proxy with TLS, and a client that follows
    it may repeat its POST as a GET.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].endswith("/"):
            scope = {**scope, "path": canonical(scope["path"])}
        await self._app(scope, receive, send)


class HeadAsGet:
    """Answer HEAD with the headers of GET, for applications that cannot."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def without_body(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        if scope["type"] == "http" and scope["method"] == "HEAD":
            await self._app({**scope, "method": "GET"}, receive, without_body)
        else:
            await self._app(scope, receive, send)


def allowed(methods: str) -> str:
    """Return the value of `Allow` for a route's methods, in a fixed order."""
    named = {name.strip() for name in methods.split(",")}
    return ", ".join(sorted(named | {"HEAD"} if "GET" in named else named))


async def unrouted(request: Request, error: Exception) -> Response:
    """Return `{"error": "..."}` with the method and the path, for an unknown path or method."""
    status = error.status_code if isinstance(error, HTTPException) else 404
    headers = dict(getattr(error, "headers", None) or {})
    reason = _REASONS.get(status, HTTPStatus(status).phrase)
    if "Allow" in headers:
        headers["Allow"] = allowed(headers["Allow"])
        reason = f"{reason}; use {headers['Allow']}"
    content = json.dumps({"error": f"{request.method} {request.url.path}: {reason}"})
    return Response(content, status, headers, media_type="application/json")


async def _failed(_request: Request, _error: Exception) -> Response:
    return Response(json.dumps({"error": INTERNAL}), 500, media_type="application/json")


def route_without_redirects(app: Starlette) -> None:
    """Turn off the application's redirects, and answer unknown routes and failures in JSON."""
    app.router.redirect_slashes = False
    app.add_exception_handler(HTTPException, unrouted)
    app.add_exception_handler(Exception, _failed)
