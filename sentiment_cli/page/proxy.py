"""One address for the page, the predictor and the monitor, like nginx in a cluster."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from sentiment_cli.page.files import PageFiles
from sentiment_common.http.routing import CanonicalPaths, HeadAsGet, route_without_redirects

TIMEOUT = httpx.Timeout(60.0, connect=3.0)
# A request may set its own deadline (X-Request-Timeout), at which the predictor answers.
PREDICTOR_TIMEOUT = httpx.Timeout(60.0, connect=3.0, read=3600.0)
# Paths of the predictor; `/api/` goes to the monitor. All other paths are files of the page.
PREDICTOR_PATHS = ("/v2/{rest:path}", "/predict", "/feedback", "/health")
CLIENT_GONE = 499  # nobody reads the answer
# The predictor decides which methods a path allows.
_METHODS = ("GET", "DELETE", "OPTIONS", "POST", "PUT", "PATCH")
_OF_A_BODY = ("content-length", "transfer-encoding")  # a request has a body where it has one of them
# Hop-by-hop headers (RFC 9110, 7.6.1), and headers that each server sets itself.
_OWN = frozenset("connection keep-alive proxy-connection te trailer transfer-encoding upgrade host date".split())


@dataclass(frozen=True, slots=True)
class Upstream:
    """A server behind the page: its name in messages, and its address."""

    name: str
    url: str


def _error(status: int, text: str) -> Response:
    return Response(json.dumps({"error": text}), status, media_type="application/json")


class Forward:
    """Forward a request and stream its answer back; 502 for an unreachable upstream, 504 for a slow one."""

    def __init__(self, client: httpx.AsyncClient, upstream: Upstream, timeout: httpx.Timeout) -> None:
        self._client, self._upstream, self._timeout = client, upstream, timeout

    async def answer(self, request: Request) -> Response:
        # The path as sent: decoding and encoding it again could name another resource.
        path = request.scope.get("raw_path", b"/").decode("ascii", "replace")
        query = f"?{request.url.query}" if request.url.query else ""
        headers = [(name, value) for name, value in request.headers.items() if name not in _OWN]
        asked = self._client.build_request(
            request.method,
            f"{self._upstream.url}{path}{query}",
            headers=headers,
            timeout=self._timeout,
            content=request.stream() if any(name in request.headers for name in _OF_A_BODY) else None,
        )
        try:
            answer = await self._client.send(asked, stream=True)
        except ClientDisconnect:
            return Response(status_code=CLIENT_GONE)
        except httpx.TimeoutException:
            return _error(504, f"the {self._upstream.name} takes too long to answer")
        except httpx.HTTPError:
            return _error(502, f"the {self._upstream.name} does not answer at {self._upstream.url}")
        passed = {name: value for name, value in answer.headers.items() if name not in _OWN}
        return StreamingResponse(
            answer.aiter_raw(), answer.status_code, headers=passed, background=BackgroundTask(answer.aclose)
        )


def make_app(folder: Path, predictor: Upstream, monitor: Upstream) -> ASGIApp:
    """Build the app: the page's files, and both servers at their paths."""
    client = httpx.AsyncClient(trust_env=False, follow_redirects=False, limits=httpx.Limits())

    @asynccontextmanager
    async def closing(_: Starlette) -> AsyncIterator[None]:
        yield
        await client.aclose()

    to_predictor = Forward(client, predictor, PREDICTOR_TIMEOUT).answer
    to_monitor = Forward(client, monitor, TIMEOUT).answer
    routes: list[BaseRoute] = [
        *(Route(path, to_predictor, methods=_METHODS) for path in PREDICTOR_PATHS),
        Route("/api/{rest:path}", to_monitor, methods=["GET"]),
        Mount("/", HeadAsGet(GZipMiddleware(PageFiles(folder), minimum_size=1024))),
    ]
    app = Starlette(routes=routes, lifespan=closing)
    route_without_redirects(app)
    return CanonicalPaths(app)
