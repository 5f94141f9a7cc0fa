"""The REST application: all routes and their documentation, keys, CORS, and connections that end while stopping."""

from functools import cache

from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from model_server.lifecycle.state import ServerState
from model_server.lifecycle.switch import ReleaseSwitch
from model_server.protocol.v2 import LENGTH_HEADER
from model_server.rest.api_page.page import headers, render
from model_server.rest.exchange import json_response
from model_server.rest.friendly import friendly_routes
from model_server.rest.health import health_routes
from model_server.rest.inference import InferFirst, Rest
from model_server.rest.keys import KeyMiddleware
from model_server.rest.openapi import document
from model_server.rest.repository import repository_routes
from model_server.rest.timing import ServerTiming
from sentiment_common.http.routing import CanonicalPaths, route_without_redirects

# Headers of an answer that a page of another origin may read, beside its type and length.
EXPOSED_HEADERS = (
    LENGTH_HEADER,
    "Retry-After",
    "Server-Timing",
    "Allow",
    "Accept-Encoding",
    "WWW-Authenticate",
    "Date",
)


class _Closing:
    """End every connection with its answer once the ports are closed."""

    def __init__(self, app: ASGIApp, state: ServerState) -> None:
        self._app, self._state = app, state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and self._state.closing:
                message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        await self._app(scope, receive, sending)


def _documentation_routes(model: str) -> list[Route]:
    @cache
    def page() -> str:
        return render(document(), model)

    async def docs(_: Request) -> Response:
        return HTMLResponse(page(), headers=headers())

    async def openapi(_: Request) -> Response:
        return json_response(document())

    return [Route("/docs", docs), Route("/openapi.json", openapi)]


def make_api(state: ServerState, switch: ReleaseSwitch) -> Starlette:
    """Build the routes of a server state and of the switch of its release."""
    routes = [
        *Rest(state).routes(),
        *repository_routes(switch),
        *friendly_routes(state),
        *health_routes(state),
        *_documentation_routes(state.settings.model_name),
    ]
    app = Starlette(routes=routes)
    route_without_redirects(app)
    return app


def make_app(api: Starlette, state: ServerState) -> ASGIApp:
    """Build the REST application: inference ahead of all other routes, and the middleware around both."""
    app: ASGIApp = InferFirst(api, Rest(state).counted_infer)
    if state.guard:
        app = KeyMiddleware(app, state.guard)
    app = ServerTiming(_Closing(app, state))
    if origins := state.settings.cors_origins:
        app = CORSMiddleware(
            app, allow_origins=list(origins), allow_methods=["*"], allow_headers=["*"], expose_headers=EXPOSED_HEADERS
        )
    return CanonicalPaths(app)
