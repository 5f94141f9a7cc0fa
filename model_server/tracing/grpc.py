"""Traces at the gRPC edge: an interceptor. Probes have none, nor have reflection and the health service."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from model_server.phases import Phases
from model_server.rpc.handlers import Attachments
from model_server.rpc.keys import PROBES
from model_server.rpc.messages import SERVICE
from model_server.rpc.status import ended_early
from model_server.tracing.spans import Tracing

_TRACED = f"/{SERVICE}/"
# Codes that OpenTelemetry's conventions count as the server's failure; the others are the client's.
_FAILURES = frozenset(
    {
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)


def _code(context: Any, error: BaseException | None) -> grpc.StatusCode:
    """Return the status code of a call whose handler raised `error`, or None."""
    if isinstance(error, asyncio.CancelledError):
        return ended_early(context)
    return context.code() or (grpc.StatusCode.OK if error is None else grpc.StatusCode.UNKNOWN)


class TracingInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """Open a server span for each call, with the attributes of OpenTelemetry's conventions for gRPC."""

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], details: Any) -> Any:
        handler = await continuation(details)
        if handler is None or not details.method.startswith(_TRACED) or details.method in PROBES:
            return handler
        call, method = handler.stream_unary, details.method.removeprefix("/")
        headers = [(key, value) for key, value in details.invocation_metadata or () if isinstance(value, str)]
        attributes = {"rpc.system.name": "grpc", "rpc.method": method}

        async def traced(request: Any, context: Any) -> Any:
            error: BaseException | None = None
            phases: Phases = []
            with self._tracing.request(method, headers, attributes, phases) as span:
                try:
                    return await call(request, context, Attachments(phases=phases))
                except BaseException as caught:
                    error = caught
                    raise
                finally:
                    code = _code(context, error)
                    span.set_attribute("rpc.response.status_code", code.name)
                    if code in _FAILURES:
                        self._tracing.failed(span, code.name)

        return grpc.stream_unary_rpc_method_handler(traced, handler.request_deserializer, handler.response_serializer)
