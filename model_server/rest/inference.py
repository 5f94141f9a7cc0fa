"""The routes of V2 and V1: bodies to requests of the data plane, predictions and errors to answers."""

import asyncio
import functools
import re
import time
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from model_server.about import EXTENSIONS, NAME, version
from model_server.errors import Unavailable
from model_server.inference.deadlines import HEADER, deadline_of
from model_server.inference.types import Call
from model_server.lifecycle.state import ServerState
from model_server.protocol import v1, v2
from model_server.protocol.repository import model_index, wants_ready
from model_server.protocol.tensors import INPUT, output_types
from model_server.rest.cloudevents import Mode, answer_in, mode_of, request_in
from model_server.rest.exchange import (
    Handler,
    answering_errors,
    error_response,
    json_response,
    read_body,
    tensors_response,
    while_connected,
)
from model_server.rest.keys import key_of
from model_server.rest.timing import phases_of
from sentiment_common.client_address import client_address
from sentiment_common.http.request import began

_INFER = re.compile(r"/v2/models/([^/]+)(?:/versions/([^/]+))?/infer")
_INFER_ROUTES = ("/v2/models/{name}/infer", "/v2/models/{name}/versions/{version}/infer")


def inference(scope: Scope) -> tuple[str, dict[str, str]] | None:
    """Return the route's template and the path's parameters of an inference request; None for any other."""
    found = _INFER.fullmatch(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
    if found is None:
        return None
    name, version = found.groups()
    if version is None:
        return _INFER_ROUTES[0], {"name": name}
    return _INFER_ROUTES[1], {"name": name, "version": version}


class InferFirst:
    """Pass inference requests to their handler, ahead of the application's router.

    They are nearly all of the traffic, and the router takes longer to find their route than the handler to read them.
    """

    def __init__(self, app: ASGIApp, handler: Handler) -> None:
        self._app, self._handler = app, handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = inference(scope)
        if found is None:
            await self._app(scope, receive, send)
            return
        _, scope["path_params"] = found
        response = await self._handler(Request(scope, receive, send))
        await response(scope, receive, send)


def client_of(request: Request) -> str | None:
    """Return the address that the request came from."""
    return client_address(request.client.host) if request.client else None


def counted(state: ServerState, route: str) -> Callable[[Handler], Handler]:
    """Wrap a handler, so that its requests count under `route` and its errors become answers."""

    def wrap(handler: Handler) -> Handler:
        @functools.wraps(handler)
        async def run(request: Request) -> Response:
            started = time.perf_counter()
            error: Exception | None = None
            try:
                response = await handler(request)
            except Exception as caught:  # every error becomes an answer here, and the last resort is a 500
                error, response = caught, error_response(caught)
            key = key_of(request.scope)
            # The answer leaves before it is counted.
            asyncio.get_running_loop().call_soon(state.finished, route, str(response.status_code), started, error, key)
            return response

        return run

    return wrap


class Rest:
    """The handlers of one server state."""

    def __init__(self, state: ServerState) -> None:
        self._state = state
        self.counted_infer = counted(state, "v2-rest")(self.infer)

    def routes(self) -> list[Route]:
        v1 = counted(self._state, "v1")(self.v1_predict)
        gets: dict[str, Handler] = {
            "/": self.alive,
            "/v2": self.server_metadata,
            "/v2/health/live": self.live,
            "/v2/health/ready": self.ready,
            "/v2/models": self.models,
            "/v2/models/{name}": self.model_metadata,
            "/v2/models/{name}/versions/{version}": self.model_metadata,
            "/v2/models/{name}/ready": self.model_ready,
            "/v2/models/{name}/versions/{version}/ready": self.model_ready,
            "/v1/models": self.models,
            "/v1/models/{name}": self.v1_model,
        }
        posts = {
            **dict.fromkeys(_INFER_ROUTES, self.counted_infer),
            "/v1/models/{name}:predict": v1,
            "/v1/models/{name}:explain": counted(self._state, "v1")(self.v1_explain),
            "/v2/repository/index": answering_errors(self.repository_index),
        }
        return [
            *(Route(path, answering_errors(handler), methods=["GET"]) for path, handler in gets.items()),
            *(Route(path, handler, methods=["POST"]) for path, handler in posts.items()),
        ]

    async def alive(self, _: Request) -> Response:
        """Answer the probe of V1's clients, such as KServe's transformers, with links for a person."""
        return json_response({"status": "alive", "model": self._state.name, "docs": "/docs", "health": "/health"})

    async def live(self, _: Request) -> Response:
        return json_response({"live": True})

    async def ready(self, _: Request) -> Response:
        ready = self._state.ready
        return json_response({"ready": ready}, 200 if ready else 503)

    async def server_metadata(self, _: Request) -> Response:
        return json_response({"name": NAME, "version": version(), "extensions": list(EXTENSIONS)})

    async def model_metadata(self, request: Request) -> Response:
        state = self._state
        state.check(request.path_params["name"], request.path_params.get("version"))
        return json_response(
            {
                "name": state.name,
                "versions": [state.version] if state.version else [],
                "platform": "openvino",
                "inputs": [INPUT],
                "outputs": output_types(),
            }
        )

    async def model_ready(self, request: Request) -> Response:
        self._state.check(request.path_params["name"], request.path_params.get("version"))
        if not self._state.ready:
            raise Unavailable(f"model {self._state.name!r} is {self._state.phase.value}")
        return json_response({"name": self._state.name, "ready": True})

    async def repository_index(self, request: Request) -> Response:
        state = self._state
        body = await read_body(request, state.settings.max_body_bytes)
        ready = wants_ready(v2.load_json(body) if body else {})
        return json_response(model_index(state.name, state.version, state.phase, ready=ready))

    async def infer(self, request: Request) -> Response:
        state, deadline = self._state, deadline_of(request.headers.get(HEADER), began(request.scope))
        body = await read_body(request, state.settings.max_body_bytes, deadline)
        service = state.service(request.path_params["name"], request.path_params.get("version"))
        wanted = v2.parse_request(body, request.headers.get(v2.LENGTH_HEADER))
        call = Call(
            "v2-rest", client_of(request), wanted.options, deadline, key_of(request.scope), phases_of(request.scope)
        )
        predictions = await while_connected(request, service.predict(wanted.texts, call))
        raw, length = v2.write_response(wanted, predictions, request.path_params["name"], service.scorer.release_id)
        return tensors_response(request, raw, length)

    async def models(self, _: Request) -> Response:
        return json_response({"models": [self._state.name]})

    async def v1_model(self, request: Request) -> Response:
        self._state.check(request.path_params["name"])
        ready = self._state.ready
        return json_response({"name": self._state.name, "ready": ready}, 200 if ready else 503)

    async def v1_predict(self, request: Request) -> Response:
        return await self._v1(request, explain=False)

    async def v1_explain(self, request: Request) -> Response:
        return await self._v1(request, explain=True)

    async def _v1(self, request: Request, *, explain: bool) -> Response:
        deadline = deadline_of(request.headers.get(HEADER), began(request.scope))
        body = await read_body(request, self._state.settings.max_body_bytes, deadline)
        name = request.path_params["name"]
        service = self._state.service(name)
        event, document = mode_of(request.headers), v2.load_json(body)
        if event is Mode.STRUCTURED:
            document = request_in(document)
        options = v1.read_options(document, explain=explain)
        call = Call("v1", client_of(request), options, deadline, key_of(request.scope), phases_of(request.scope))
        predictions = await while_connected(request, service.predict(v1.read_texts(document), call))
        return answer_in(event, v1.write_response(predictions, explain=explain), name)
