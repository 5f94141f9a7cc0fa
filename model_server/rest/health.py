"""Health and metrics of the server process."""

from dataclasses import asdict

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from model_server.about import version
from model_server.lifecycle.phase import Phase
from model_server.lifecycle.state import ServerState
from model_server.rest.exchange import json_response
from prediction_log import WriterStats


class HealthAnswer(BaseModel):
    """Phase, release and log of one server process; `requests` and `errors` count from its start."""

    status: Phase
    model: str
    release_id: str | None
    variant: str | None
    version: str
    queue: int
    requests: int
    errors: int
    log: WriterStats


def health_routes(state: ServerState) -> list[Route]:
    """Return `GET /health` and `GET /metrics` of a server state."""

    async def health(_: Request) -> Response:
        service = state.current
        requests, errors = state.metrics.totals()
        document = {
            "status": state.phase.value,
            "model": state.settings.model_name,
            "release_id": state.version,
            "variant": state.variant,
            "version": version(),
            "queue": service.batcher.waiting if service else 0,
            "requests": requests,
            "errors": errors,
            "log": asdict(state.log.stats()),
        }
        return json_response(document, 200 if state.ready else 503)

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(state.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return [Route("/health", health), Route("/metrics", metrics)]
