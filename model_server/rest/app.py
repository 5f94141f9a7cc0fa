"""The REST application: protocol routes, the friendly routes with their documentation, metrics, CORS, draining."""

from dataclasses import asdict
from functools import cache
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from model_release.scoring.features import replace_surrogates
from model_server.about import version
from model_server.errors import InvalidInput, NotFound, Unavailable
from model_server.inference.deadlines import HEADER, deadline_of
from model_server.inference.types import TRUNCATIONS, Call, Options, Truncation
from model_server.lifecycle.state import ServerState
from model_server.lifecycle.switch import ReleaseSwitch
from model_server.protocol.v1 import write_prediction
from model_server.protocol.v2 import LENGTH_HEADER, load_json
from model_server.rest.api_page.page import headers, render
from model_server.rest.exchange import error_response, json_response, read_body, while_connected
from model_server.rest.health import HealthAnswer
from model_server.rest.inference import InferFirst, Rest, client_of, counted
from model_server.rest.keys import KeyMiddleware, key_of
from model_server.rest.openapi import BODY_ERRORS, SCHEMAS, WORK_ERRORS, error_responses, protocol_paths
from model_server.rest.repository import repository_routes
from model_server.rest.timing import ServerTiming
from prediction_log import InvalidFeedback, LogError, UnknownPrediction, add_feedback_async
from sentiment_common.http.request import began
from sentiment_common.http.routing import CanonicalPaths, HeadAsGet, route_without_redirects

# What a page of another origin may read of an answer, beside its type and length.
EXPOSED_HEADERS = (
    LENGTH_HEADER,
    "Retry-After",
    "Server-Timing",
    "Allow",
    "Accept-Encoding",
    "WWW-Authenticate",
    "Date",
)


class PredictBody(BaseModel):
    """A text to judge."""

    text: Annotated[str, Field(examples=["A warm, funny film."])]
    return_probabilities: bool = False
    truncation: Truncation | None = None
    explain: bool = False


class PredictAnswer(BaseModel):
    """The sentiment of a text; keep `prediction_id` to send feedback."""

    label: Literal["negative", "positive"]
    confidence: Annotated[float, Field(ge=0, le=1)]
    prediction_id: str
    release_id: str
    tokens: Annotated[int, Field(ge=2, description="of the whole text, special ones counted")]
    truncated: Annotated[bool, Field(description="was a part of it not read?")]
    probabilities: dict[str, float] | None = None
    attributions: dict[str, Any] | None = None


class FeedbackBody(BaseModel):
    """The true label of a prediction."""

    prediction_id: Annotated[str, Field(examples=["019ab6a2-3d68-7f3c-a7b5-5d7b4bd07ef3"])]
    label: Literal["negative", "positive"]
    who: str | None = None


def _schema_of(body: type[BaseModel]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": body.model_json_schema()}}}}


def _valid(body: type[BaseModel], document: dict[str, Any]) -> Any:
    """The document as `body`; InvalidInput names the first bad field."""
    from pydantic import ValidationError

    if unknown := set(document) - set(body.model_fields):
        raise InvalidInput(f"{sorted(unknown)[0]} is unknown; there are: {', '.join(body.model_fields)}")
    try:
        return body.model_validate(document, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidInput(f"{'.'.join(map(str, first['loc'])) or 'body'}: {first['msg']}") from None


def _friendly(app: FastAPI, state: ServerState) -> None:
    async def predict(request: Request) -> Response:
        deadline = deadline_of(request.headers.get(HEADER), began(request.scope))
        document = load_json(await read_body(request, state.settings.max_body_bytes, deadline))
        if isinstance(document.get("text"), str):
            document["text"] = replace_surrogates(document["text"])  # pydantic would refuse them
        body = _valid(PredictBody, document)
        service = state.service(state.settings.model_name)
        options = Options(body.truncation, body.explain)
        call = Call("predict", client_of(request), options, deadline, key_of(request.scope))
        (prediction,) = await while_connected(request, service.predict([body.text], call))
        answer = write_prediction(prediction) | {"release_id": service.scorer.release_id}
        if not body.return_probabilities:
            del answer["probabilities"]
        return json_response(answer)

    async def feedback(request: Request) -> Response:
        body = _valid(FeedbackBody, load_json(await read_body(request, state.settings.max_body_bytes)))
        try:
            await add_feedback_async(state.settings.database_url, body.prediction_id, body.label, body.who)
        except UnknownPrediction as error:
            raise NotFound(str(error)) from None
        except InvalidFeedback as error:
            raise InvalidInput(str(error)) from None
        except LogError:
            raise Unavailable("the prediction log's database does not answer; send the feedback again later") from None
        return json_response({"prediction_id": body.prediction_id, "label": body.label})

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

    app.add_api_route(
        "/predict",
        counted(state, "predict")(predict),
        methods=["POST"],
        response_model=PredictAnswer,
        responses=error_responses(*WORK_ERRORS),
        openapi_extra=_schema_of(PredictBody),
        summary="The sentiment of one text",
        description=f"truncation of a text over the model's tokens: {', '.join(TRUNCATIONS)}",
    )
    app.add_api_route(
        "/feedback",
        counted(state, "feedback")(feedback),
        methods=["POST"],
        responses=error_responses(*BODY_ERRORS, 404),
        openapi_extra=_schema_of(FeedbackBody),
        summary="The true label of a prediction",
    )
    app.add_api_route(
        "/health",
        health,
        methods=["GET"],
        response_model=HealthAnswer,
        responses={503: {"model": HealthAnswer, "description": "Not ready; the same document"}},
        summary="Phase, release and log of this server",
    )
    app.add_api_route(
        "/metrics", metrics, methods=["GET"], response_class=PlainTextResponse, summary="Prometheus metrics"
    )


class _Closing:
    """Tell every connection to end with its answer once the ports are closed."""

    def __init__(self, app: ASGIApp, state: ServerState) -> None:
        self._app, self._state = app, state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and self._state.closing:
                message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        await self._app(scope, receive, sending)


def make_api(state: ServerState, switch: ReleaseSwitch) -> FastAPI:
    """All routes of a server state and the switch of its release, with their documentation."""
    app = FastAPI(
        title="sentiment-pipeline",
        version=version(),
        description="Sentiment of texts, beside the V2 protocol; HEAD is answered wherever GET is",
        docs_url=None,  # FastAPI's pages load their scripts from other hosts
        redoc_url=None,
    )

    async def invalid(_: Request, error: Exception) -> Response:
        return error_response(InvalidInput(str(error)))

    route_without_redirects(app)
    app.add_exception_handler(RequestValidationError, invalid)
    app.router.routes.extend(Rest(state).routes() + repository_routes(switch))
    _friendly(app, state)
    documented = app.openapi  # makes the document of FastAPI's own routes, once

    def openapi() -> dict[str, Any]:
        document = documented()
        components = document.get("components", {})
        named = components | {"schemas": components.get("schemas", {}) | SCHEMAS}
        return document | {"components": named, "paths": document["paths"] | protocol_paths()}

    @cache
    def page() -> str:
        return render(app.openapi(), state.settings.model_name)

    async def docs(_: Request) -> Response:
        return HTMLResponse(page(), headers=headers())

    app.openapi = openapi  # type: ignore[method-assign]
    app.add_route("/docs", docs)
    return app


def make_app(api: FastAPI, state: ServerState) -> ASGIApp:
    """The REST application: inference first, all other routes behind it, and around both what every request meets."""
    app: ASGIApp = InferFirst(HeadAsGet(api), Rest(state).counted_infer)
    if state.guard:
        app = KeyMiddleware(app, state.guard)
    app = ServerTiming(_Closing(app, state))
    if origins := state.settings.cors_origins:
        app = CORSMiddleware(
            app, allow_origins=list(origins), allow_methods=["*"], allow_headers=["*"], expose_headers=EXPOSED_HEADERS
        )
    return CanonicalPaths(app)
