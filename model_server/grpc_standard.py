"""The services that gRPC's own tools ask: grpc.health.v1 (probes, load balancers) and reflection (grpcurl)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthServicer, add_HealthServicer_to_server
from grpc_reflection.v1alpha.reflection import SERVICE_NAME as REFLECTION
from grpc_reflection.v1alpha.reflection import enable_server_reflection

from model_server.inference_proto import POOL, SERVICE
from model_server.state import Phase, ServerState

_HEALTH = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
_STATUS = health_pb2.HealthCheckResponse.ServingStatus
WATCH_SECONDS = 0.2


class Health(HealthServicer):  # type: ignore[misc]
    """Serving while the server is ready; the whole server has the empty name."""

    def __init__(self, state: ServerState) -> None:
        self._state = state

    def _status(self, service: str) -> Any:
        if service not in ("", SERVICE):
            return _STATUS.SERVICE_UNKNOWN
        return _STATUS.SERVING if self._state.phase is Phase.READY else _STATUS.NOT_SERVING

    async def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        status = self._status(request.service)
        if status == _STATUS.SERVICE_UNKNOWN:
            said = f"service {request.service!r} is not served here; there is {SERVICE!r}, and '' for the server"
            await context.abort(grpc.StatusCode.NOT_FOUND, said)
        return health_pb2.HealthCheckResponse(status=status)

    async def Watch(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802
        """The status now and whenever it changes, until the ports close: a stopping server waits for open calls."""
        last = None
        while not self._state.closing:
            status = self._status(request.service)
            if status != last:
                last = status
                yield health_pb2.HealthCheckResponse(status=status)
            await asyncio.sleep(WATCH_SECONDS)


def add_standard_services(server: Any, state: ServerState) -> None:
    """Health and reflection on a grpc.aio server that is not started yet."""
    add_HealthServicer_to_server(Health(state), server)
    enable_server_reflection((SERVICE, _HEALTH, REFLECTION), server, pool=POOL)
