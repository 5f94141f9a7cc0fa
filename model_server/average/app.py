"""V2 REST in front of a KServe InferenceGraph that asks several releases at once.

Each request goes to the graph, and the releases' answers come back as one, with averaged probabilities. The averager
keeps no state and writes no prediction log: each release logs its own answers.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import orjson
from pydantic import Field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from model_server.about import NAME, version
from model_server.average.mean import OFFERED, average, check_offered, question, tensors
from model_server.errors import (
    BadGateway,
    InvalidInput,
    NotFound,
    Overloaded,
    ServingError,
    TooLarge,
    Unavailable,
)
from model_server.protocol import v2
from model_server.protocol.tensors import INPUT, OUTPUTS
from model_server.rest.exchange import answering_errors, json_response, read_body, tensors_response, while_connected
from model_server.settings import Port
from sentiment_common.http.limits import HttpLimits
from sentiment_common.http.routing import CanonicalPaths, route_without_redirects
from sentiment_common.http.server import HttpServer, listen
from sentiment_common.http.settings import BodySettings

log = logging.getLogger("model_server.average")
# Readiness of KServe's router; it takes every other path as a request.
_READY = "/readyz"
_READY_SECONDS = 2.0
# Refusals of a release that concern the client rather than the installation.
_PASSED_ON: dict[int, type[ServingError]] = {400: InvalidInput, 413: TooLarge, 503: Unavailable}


class AveragerSettings(BodySettings):
    """Settings of the averager."""

    graph_url: str = Field(pattern=r"^https?://[^/\s]+/?$")
    """The InferenceGraph's address, http://HOST[:PORT]."""
    model_name: str = Field("sentiment", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")
    """The model's name in the protocol."""
    host: str = "0.0.0.0"
    """Address to listen on."""
    http_port: Port = 8080
    """Port of REST."""
    timeout_seconds: float = Field(60.0, gt=0, le=3600)
    """Time that the releases have for an answer, in seconds."""
    drain_seconds: float = Field(20.0, gt=0, le=3600)
    """Time that accepted requests may still run after SIGTERM, in seconds."""


def refusal(status: int, body: bytes) -> ServingError:
    """Convert an answer of the graph with a status other than 200 into an error with its message."""
    try:
        document = orjson.loads(body)
        message = ": ".join(str(document[key]) for key in ("error", "cause") if document.get(key))
    except (orjson.JSONDecodeError, AttributeError, TypeError):
        message = ""
    message = message or f"the graph answered {status} without a reason"
    if status == 429:
        return Overloaded(message, retry_after=1)  # the router drops the header with the time
    kind = _PASSED_ON.get(status)
    return kind(message) if kind else BadGateway(f"the graph answered {status}: {message}")


class Averager:
    """The handlers of the routes, and the connections to the graph."""

    def __init__(self, settings: AveragerSettings) -> None:
        self._settings = settings
        self._graph = httpx.AsyncClient(
            base_url=settings.graph_url, timeout=settings.timeout_seconds, trust_env=False, limits=httpx.Limits()
        )

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """Close the connections at the end."""
        async with self._graph:
            yield

    def routes(self) -> list[Route]:
        gets = {
            "/v2": self.server_metadata,
            "/v2/health/live": self.live,
            "/v2/health/ready": self.ready,
            "/v2/models/{name}": self.model_metadata,
            "/v2/models/{name}/ready": self.model_ready,
        }
        return [
            *(Route(path, answering_errors(handler), methods=["GET"]) for path, handler in gets.items()),
            Route("/v2/models/{name}/infer", answering_errors(self.infer), methods=["POST"]),
        ]

    async def live(self, _: Request) -> Response:
        return json_response({"live": True})

    async def _graph_ready(self) -> bool:
        try:
            return (await self._graph.get(_READY, timeout=_READY_SECONDS)).status_code == 200
        except httpx.HTTPError:
            return False

    async def ready(self, _: Request) -> Response:
        ready = await self._graph_ready()
        return json_response({"ready": ready}, 200 if ready else 503)

    async def server_metadata(self, _: Request) -> Response:
        return json_response({"name": NAME, "version": version(), "extensions": ["binary_tensor_data"]})

    def _find(self, request: Request) -> str:
        name = str(request.path_params["name"])
        if name != self._settings.model_name:
            raise NotFound(f"model {name!r} is not served here; there is {self._settings.model_name!r}")
        return name

    async def model_metadata(self, request: Request) -> Response:
        outputs = [{"name": name, "datatype": OUTPUTS[name][0], "shape": OUTPUTS[name][1]} for name in OFFERED]
        name = self._find(request)
        return json_response(
            {"name": name, "versions": [], "platform": "average", "inputs": [INPUT], "outputs": outputs}
        )

    async def model_ready(self, request: Request) -> Response:
        name = self._find(request)
        if not await self._graph_ready():
            raise Unavailable("the graph is not ready; try again in a moment")
        return json_response({"name": name, "ready": True})

    async def infer(self, request: Request) -> Response:
        name = self._find(request)
        body = await read_body(request, self._settings.max_body_bytes)
        wanted = v2.parse_request(body, request.headers.get(v2.LENGTH_HEADER))
        check_offered(wanted)
        answer = await while_connected(request, self._ask(question(wanted)))
        averaged = average(answer, len(wanted.texts))
        raw, length = v2.write_outputs(wanted, tensors(averaged.probabilities, wanted.outputs), name, averaged.version)
        return tensors_response(request, raw, length)

    async def _ask(self, body: bytes) -> bytes:
        """Return the graph's answer.

        Raises:
            ServingError: the graph or a release refused the request, or the graph cannot be reached.
        """
        try:
            response = await self._graph.post("/", content=body, headers={"Content-Type": "application/json"})
        except httpx.TimeoutException:
            raise Unavailable(f"the releases gave no answer in {self._settings.timeout_seconds:g} s") from None
        except httpx.HTTPError as error:
            raise Unavailable(f"the graph cannot be reached: {str(error) or type(error).__name__}") from None
        if response.status_code != 200:
            refused = refusal(response.status_code, response.content)
            if refused.status >= 500:
                log.warning("%s", refused)
            raise refused
        return response.content


def make_app(settings: AveragerSettings) -> ASGIApp:
    """Build the application of these settings."""
    averager = Averager(settings)
    app = Starlette(routes=averager.routes(), lifespan=averager.lifespan)
    route_without_redirects(app)
    return CanonicalPaths(app)


def main() -> None:
    """Serve until SIGTERM or SIGINT; accepted requests are answered.

    Raises:
        PortUnavailable: the port cannot be opened.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    settings = AveragerSettings()
    listener = listen(settings.host, settings.http_port, "HTTP_PORT")
    log.info("averaging the answers of %s, REST on %s:%d", settings.graph_url, settings.host, settings.http_port)
    server = HttpServer(make_app(settings), HttpLimits.of(settings), drain_seconds=settings.drain_seconds)
    server.run([listener])
