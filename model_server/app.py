"""The REST application: protocol routes, the friendly routes with their documentation, metrics, CORS, draining."""

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from model_release.features import replace_surrogates
from model_server.about import version
from model_server.documentation import DocumentedApp, HealthAnswer
from model_server.errors import InvalidInput, NotFound, Unavailable
from model_server.predictor import as_v1
from model_server.rest import Rest, client_of, counted, error_response, json_response, read_body, while_connected
from model_server.service import TRUNCATIONS, Asked
from model_server.state import Phase, ServerState
from model_server.timing import ServerTiming
from model_server.v2 import load_json
from prediction_log import LogError, UnknownPrediction, add_feedback_async


class PredictBody(BaseModel):
    """A text to judge."""

    text: str
    return_probabilities: bool = False
    truncation: Literal["head", "head_tail", "window", "error"] | None = None


class PredictAnswer(BaseModel):
    """The sentiment of a text; keep `prediction_id` to send feedback."""

    label: Literal["negative", "positive"]
    confidence: Annotated[float, Field(ge=0, le=1)]
    prediction_id: str
    release_id: str
    truncated: bool
    probabilities: dict[str, float] | None = None


class FeedbackBody(BaseModel):
    """The true label of a prediction."""

    prediction_id: str
    label: Literal["negative", "positive"]
    who: str | None = None


class ErrorAnswer(BaseModel):
    """What was wrong and what would be right."""

    error: str


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
    errors: dict[int | str, dict[str, Any]] = {400: {"model": ErrorAnswer}, 503: {"model": ErrorAnswer}}

    async def predict(request: Request) -> Response:
        document = load_json(await read_body(request, state.settings.max_body_bytes))
        if isinstance(document.get("text"), str):
            document["text"] = replace_surrogates(document["text"])  # pydantic would refuse them
        body = _valid(PredictBody, document)
        service = state.service(state.settings.model_name)
        asked = Asked("predict", client_of(request), body.truncation)
        (prediction,) = await while_connected(request, service.predict([body.text], asked))
        answer = as_v1(prediction) | {"release_id": service.scorer.release_id, "truncated": prediction.truncated}
        if not body.return_probabilities:
            del answer["probabilities"]
        return json_response(answer)

    async def feedback(request: Request) -> Response:
        body = _valid(FeedbackBody, load_json(await read_body(request, state.settings.max_body_bytes)))
        try:
            await add_feedback_async(state.settings.database_url, body.prediction_id, body.label, body.who)
        except UnknownPrediction as error:
            raise NotFound(str(error)) from None
        except LogError as error:
            if error.__cause__ is None:  # the id or the label, not the database
                raise InvalidInput(str(error)) from None
            raise Unavailable("the prediction log's database does not answer; send the feedback again later") from None
        return json_response({"prediction_id": body.prediction_id, "label": body.label})

    async def health(_: Request) -> Response:
        service = state.model.service
        requests, errors = state.metrics.totals()
        document = {
            "status": state.phase.value,
            "model": state.settings.model_name,
            "release_id": state.model.version,
            "variant": service and (state.settings.variant or service.scorer.manifest.default_variant),
            "version": version(),
            "queue": service.batcher.waiting if service else 0,
            "requests": requests,
            "errors": errors,
            "log": asdict(state.log.stats()),
        }
        return json_response(document, 200 if state.phase is Phase.READY else 503)

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(state.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    app.add_api_route(
        "/predict",
        counted(state, "predict")(predict),
        methods=["POST"],
        response_model=PredictAnswer,
        responses=errors,
        openapi_extra=_schema_of(PredictBody),
        summary="The sentiment of one text",
        description=f"truncation of a text over the model's tokens: {', '.join(TRUNCATIONS)}",
    )
    app.add_api_route(
        "/feedback",
        counted(state, "feedback")(feedback),
        methods=["POST"],
        responses=errors | {404: {"model": ErrorAnswer}},
        openapi_extra=_schema_of(FeedbackBody),
        summary="The true label of a prediction",
    )
    app.add_api_route(
        "/health",
        health,
        methods=["GET"],
        response_model=HealthAnswer,
        responses={503: {"model": HealthAnswer}},
        summary="Phase, release and log of this server",
    )
    app.add_api_route("/metrics", metrics, methods=["GET"], summary="Prometheus metrics")


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


def make_app(state: ServerState) -> FastAPI:
    """The REST application of a server state."""
    app = DocumentedApp(
        title="sentiment-pipeline", version=version(), description="Sentiment of texts, V2 protocol beside it"
    )

    async def unknown(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 404
        said = f"{request.method} {request.url.path}: {'no such path' if status == 404 else 'not allowed here'}"
        return json_response({"error": said}, status)

    async def invalid(_: Request, error: Exception) -> Response:
        return error_response(InvalidInput(str(error)))

    app.add_exception_handler(HTTPException, unknown)
    app.add_exception_handler(RequestValidationError, invalid)
    app.router.routes.extend(Rest(state).routes())
    _friendly(app, state)
    app.add_middleware(_Closing, state=state)
    app.add_middleware(ServerTiming)
    if state.settings.cors_origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=list(state.settings.cors_origins), allow_methods=["*"], allow_headers=["*"]
        )
    return app
