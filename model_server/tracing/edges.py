"""Tracing of both transports, by one provider."""

from collections.abc import Sequence
from typing import Any

from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from model_server.tracing.grpc import TracingInterceptor
from model_server.tracing.off import Untraced
from model_server.tracing.rest import TracingMiddleware
from model_server.tracing.spans import Tracing, exporting


class Traced(Untraced):
    """Spans of requests and calls, sent to the collector that the environment names."""

    def __init__(self) -> None:
        self._tracing = Tracing(exporting())

    def rest(self, app: ASGIApp, routes: Sequence[BaseRoute]) -> ASGIApp:
        return TracingMiddleware(app, routes, self._tracing)

    def interceptors(self) -> list[Any]:
        return [TracingInterceptor(self._tracing)]

    def close(self) -> None:
        self._tracing.close()
