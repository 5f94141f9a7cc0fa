"""Traces at the REST edge: an ASGI middleware. Probes and metrics have none."""

from collections.abc import Iterable, Sequence

from opentelemetry.semconv.attributes.http_attributes import (
    HTTP_REQUEST_METHOD,
    HTTP_RESPONSE_STATUS_CODE,
    HTTP_ROUTE,
)
from opentelemetry.semconv.attributes.network_attributes import NETWORK_PROTOCOL_VERSION
from opentelemetry.semconv.attributes.url_attributes import URL_PATH, URL_SCHEME
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from model_server.rest.inference import inference
from model_server.rest.timing import phases_of
from model_server.tracing.spans import Tracing
from sentiment_common.http.routing import canonical

_UNTRACED = frozenset({"/", "/metrics", "/health", "/v2/health/live", "/v2/health/ready"})
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"})


def route_of(routes: Iterable[BaseRoute], scope: Scope) -> str | None:
    """Return the template of the requested path, such as `/v2/models/{name}/infer`; None for an unknown path."""
    partial = None
    for route in routes:
        match, _ = route.matches(scope)
        if match is not Match.NONE and (path := getattr(route, "path", None)):
            if match is Match.FULL:
                return str(path)
            partial = partial or str(path)  # another method of this path
    return partial


class TracingMiddleware:
    """Open a server span for each request, with the attributes of OpenTelemetry's conventions for HTTP."""

    def __init__(self, app: ASGIApp, routes: Sequence[BaseRoute], tracing: Tracing) -> None:
        self._app, self._routes, self._tracing = app, routes, tracing

    def _route(self, scope: Scope) -> str | None:
        if found := inference(scope):
            return found[0]
        return route_of(self._routes, {**scope, "path": canonical(scope["path"])}) if scope["type"] == "http" else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._route(scope)
        if scope["type"] != "http" or route in _UNTRACED:
            await self._app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        attributes = {
            HTTP_REQUEST_METHOD: method,
            URL_SCHEME: scope["scheme"],
            NETWORK_PROTOCOL_VERSION: scope["http_version"],
        }
        if route:
            attributes[HTTP_ROUTE] = route
        name = " ".join(part for part in ("HTTP" if method == "_OTHER" else method, route) if part)
        headers = ((key.decode("latin-1"), value.decode("latin-1")) for key, value in scope["headers"])
        with self._tracing.request(name, headers, attributes, phases_of(scope)) as span:

            async def sending(message: Message) -> None:
                if message["type"] == "http.response.start":
                    status = message["status"]
                    span.set_attribute(HTTP_RESPONSE_STATUS_CODE, status)
                    # An unknown path may hold any text of its client; the path of a preflight is not looked up.
                    if route and method != "OPTIONS" and status < 300:
                        span.set_attribute(URL_PATH, scope["path"])
                    if status >= 500:
                        self._tracing.failed(span, str(status))
                await send(message)

            try:
                await self._app(scope, receive, sending)
            except Exception as error:
                self._tracing.failed(span, type(error).__qualname__)
                raise
