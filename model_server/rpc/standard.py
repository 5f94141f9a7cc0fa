"""The services that gRPC's own tools use: grpc.health.v1 (probes, load balancers) and reflection (grpcurl)."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection import SERVICE_NAME as REFLECTION
from grpc_reflection.v1alpha.reflection import aio
from grpc_reflection.v1alpha.reflection_pb2_grpc import add_ServerReflectionServicer_to_server

from model_server.errors import Overloaded, ServingError
from model_server.lifecycle.state import ServerState
from model_server.rpc.handlers import not_counted, reading, stream_unary, unattached
from model_server.rpc.inbox import Inbox
from model_server.rpc.messages import SERVICE, pb
from model_server.rpc.status import retry_metadata
from model_server.settings import ServerSettings

_HEALTH = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
_STATUS = health_pb2.HealthCheckResponse.ServingStatus
_SERVICES = ("", SERVICE)
WATCH_SECONDS = 0.2
_POOL = pb.DESCRIPTOR.pool  # reflection describes the standard services as well
for _described in (health_pb2, reflection_pb2):
    _POOL.AddSerializedFile(_described.DESCRIPTOR.serialized_pb)


class Lasting:
    """Limit of calls that last as long as their clients like: a tenth of all calls."""

    def __init__(self, settings: ServerSettings) -> None:
        self._free = self._most = max(1, settings.grpc_max_calls // 10)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Count a call while it lasts.

        Raises:
            Overloaded: the limit is reached.
        """
        if not self._free:
            raise Overloaded(f"{self._most} calls of Watch and of reflection are open already; try again later", 1)
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1


class Health:
    """The service grpc.health.v1.Health: SERVING while the server is ready; the whole server has the empty name."""

    def __init__(self, state: ServerState, inbox: Inbox, lasting: Lasting) -> None:
        self._state, self._inbox, self._lasting = state, inbox, lasting

    def _status(self, known: bool) -> Any:
        if not known:
            return _STATUS.SERVICE_UNKNOWN
        return _STATUS.SERVING if self._state.ready else _STATUS.NOT_SERVING

    async def check(self, request: Any, context: Any) -> Any:
        if request.service not in _SERVICES:
            message = (
                f"service {request.service[:100]!r} is not served here; there is {SERVICE!r}, and '' for the server"
            )
            await context.abort(grpc.StatusCode.NOT_FOUND, message)
        return health_pb2.HealthCheckResponse(status=self._status(known=True))

    async def watch(self, _: Any, context: Any) -> None:
        """Send the status now and at each change, until the ports close: a stopping server waits for open calls."""
        try:
            with self._lasting.place():
                request = await self._inbox.receive(context, self._inbox.questions)
                known, last = request.service in _SERVICES, None
                del request  # its name may be long, and the call lasts
                while not self._state.closing:
                    status = self._status(known)
                    if status != last:
                        last = status
                        await context.write(health_pb2.HealthCheckResponse(status=status))
                    await asyncio.sleep(WATCH_SECONDS)
        except ServingError as error:
            await context.abort(error.code, str(error), retry_metadata(error))


class Reflection(aio.ReflectionServicer):  # type: ignore[misc]
    """gRPC's own reflection, with a bound on its calls and on the time between two messages."""

    def __init__(self, inbox: Inbox, lasting: Lasting) -> None:
        super().__init__((SERVICE, _HEALTH, REFLECTION), pool=_POOL)
        self._inbox, self._lasting = inbox, lasting

    async def _messages(self, context: Any) -> AsyncIterator[Any]:
        while (message := await self._inbox.read(context, self._inbox.reflection)) is not grpc.aio.EOF:
            yield message

    async def ServerReflectionInfo(self, _: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802
        try:
            with self._lasting.place():
                async for answer in super().ServerReflectionInfo(self._messages(context), context):
                    yield answer
        except ServingError as error:
            await context.abort(error.code, str(error), retry_metadata(error))


def add_standard_services(server: Any, state: ServerState, inbox: Inbox) -> None:
    """Add health and reflection to a grpc.aio server that has not started."""
    lasting = Lasting(state.settings)
    health, read = Health(state, inbox, lasting), health_pb2.HealthCheckRequest.FromString
    check = reading("HealthCheck", unattached(health.check), read, inbox, inbox.questions, not_counted)
    watch = grpc.stream_stream_rpc_method_handler(
        health.watch, request_deserializer=read, response_serializer=health_pb2.HealthCheckResponse.SerializeToString
    )
    handlers = {"Check": stream_unary(check), "Watch": watch}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_HEALTH, handlers),))
    add_ServerReflectionServicer_to_server(Reflection(inbox, lasting), server)
