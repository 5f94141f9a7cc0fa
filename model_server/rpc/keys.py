"""API keys at the gRPC edge: an interceptor. Probes stay open."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import grpc

from model_server.access.guard import Guard, Need
from model_server.access.keys import Key
from model_server.errors import ServingError
from model_server.rpc.handlers import NOTHING, Attachments
from model_server.rpc.messages import SERVICE
from model_server.rpc.status import retry_metadata

PROBES = frozenset({f"/{SERVICE}/{call}" for call in ("ServerLive", "ServerReady", "ModelReady")})
_INFER = f"/{SERVICE}/ModelInfer"
_NEEDS = {
    _INFER: Need.TEXTS,
    f"/{SERVICE}/RepositoryModelLoad": Need.ADMIN,
    f"/{SERVICE}/RepositoryModelUnload": Need.ADMIN,
}
_HEALTH = "/grpc.health.v1.Health/"


class KeyInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """Admit or refuse calls by their key, before a message is read."""

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
    """Return the handler of ModelInfer with the key of its call attached."""

    async def run(messages: Any, context: Any, attached: Attachments = NOTHING) -> Any:
        return await handler.stream_unary(messages, context, replace(attached, key=key))

    return grpc.stream_unary_rpc_method_handler(run, handler.request_deserializer, handler.response_serializer)


def _refusing(error: ServingError) -> Any:
    """Return a handler that ends any call with the error."""

    async def refuse(_: Any, context: Any, __: Attachments = NOTHING) -> None:
        await context.abort(error.code, str(error), retry_metadata(error))

    return grpc.stream_unary_rpc_method_handler(refuse)  # a stream, so that its message is not awaited
