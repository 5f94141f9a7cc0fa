"""API keys at the gRPC edge: an interceptor. Probes stay open."""

from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from model_server.access.guard import Guard, Need
from model_server.access.keys import Key
from model_server.errors import ServingError
from model_server.rpc.messages import SERVICE

PROBES = frozenset({f"/{SERVICE}/{call}" for call in ("ServerLive", "ServerReady", "ModelReady")})
_INFER = f"/{SERVICE}/ModelInfer"
_NEEDS = {
    _INFER: Need.TEXTS,
    f"/{SERVICE}/RepositoryModelLoad": Need.ADMIN,
    f"/{SERVICE}/RepositoryModelUnload": Need.ADMIN,
}
_HEALTH = "/grpc.health.v1.Health/"


class KeyInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """The gRPC edge's guard."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], details: Any) -> Any:
        if details.method in PROBES or details.method.startswith(_HEALTH):
            return await continuation(details)
        presented = {name: value for name, value in details.invocation_metadata or () if isinstance(value, str)}
        try:
            need = _NEEDS.get(details.method, Need.KNOWN)
            key = self._guard.admit(presented.get("authorization"), presented.get("x-api-key"), need)
        except ServingError as error:
            return _refusing(error)
        handler = await continuation(details)
        return _paid_by(handler, key) if details.method == _INFER else handler


def _paid_by(handler: Any, key: Key) -> Any:
    """The handler of ModelInfer, given the key of its call."""

    async def run(messages: Any, context: Any) -> Any:
        return await handler.stream_unary(messages, context, key)

    return grpc.stream_unary_rpc_method_handler(run, handler.request_deserializer, handler.response_serializer)


def _refusing(error: ServingError) -> Any:
    """A handler that ends any call with the error."""

    async def refuse(_: Any, context: Any) -> None:
        await context.abort(error.code, str(error), retry_metadata(error))

    return grpc.stream_unary_rpc_method_handler(refuse)  # a stream, so that its message is not waited for


def retry_metadata(error: Exception) -> tuple[tuple[str, str], ...]:
    """Trailing metadata that say when to try again, as clients read it and as gRPC's own retry policies do."""
    seconds = getattr(error, "retry_after", None)
    return () if seconds is None else (("retry-after", str(seconds)), ("grpc-retry-pushback-ms", f"{seconds}000"))


def ended_early(context: Any) -> grpc.StatusCode:
    """The code of a call that was cancelled: its deadline passed, or the client left."""
    return grpc.StatusCode.DEADLINE_EXCEEDED if context.time_remaining() == 0 else grpc.StatusCode.CANCELLED
