"""The friendly routes: `/predict` judges one text, `/feedback` takes the true label of a prediction."""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from model_release.scoring.features import replace_surrogates
from model_server.errors import InvalidInput, NotFound, Unavailable
from model_server.inference.deadlines import HEADER, deadline_of
from model_server.inference.types import Call, Options, Truncation
from model_server.lifecycle.state import ServerState
from model_server.protocol.v1 import write_prediction
from model_server.protocol.v2 import load_json
from model_server.rest.exchange import json_response, read_body, while_connected
from model_server.rest.inference import client_of, counted
from model_server.rest.keys import key_of
from model_server.rest.timing import phases_of
from prediction_log import InvalidFeedback, LogError, UnknownPrediction, add_feedback_async
from sentiment_common.http.request import began

Body = TypeVar("Body", bound=BaseModel)


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
    truncated: Annotated[bool, Field(description="whether a part of the text was left out")]
    probabilities: dict[str, float] | None = None
    attributions: dict[str, Any] | None = None


class FeedbackBody(BaseModel):
    """The true label of a prediction."""

    prediction_id: Annotated[str, Field(examples=["019ab6a2-3d68-7f3c-a7b5-5d7b4bd07ef3"])]
    label: Literal["negative", "positive"]
    who: str | None = None


def _valid(body: type[Body], document: dict[str, Any]) -> Body:
    """Return the document as a `body`.

    Raises:
        InvalidInput: a field is unknown, missing or wrong; the message names the first such field.
    """
    if unknown := set(document) - set(body.model_fields):
        raise InvalidInput(f"{sorted(unknown)[0]} is unknown; there are: {', '.join(body.model_fields)}")
    try:
        return body.model_validate(document, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidInput(f"{'.'.join(map(str, first['loc'])) or 'body'}: {first['msg']}") from None


def friendly_routes(state: ServerState) -> list[Route]:
    """Return `POST /predict` and `POST /feedback` of a server state."""
    settings = state.settings

    async def predict(request: Request) -> Response:
        deadline = deadline_of(request.headers.get(HEADER), began(request.scope))
        document = load_json(await read_body(request, settings.max_body_bytes, deadline))
        if isinstance(document.get("text"), str):
            document["text"] = replace_surrogates(document["text"])  # pydantic would refuse them
        body = _valid(PredictBody, document)
        service = state.service(settings.model_name)
        options = Options(body.truncation, body.explain)
        call = Call("predict", client_of(request), options, deadline, key_of(request.scope), phases_of(request.scope))
        (prediction,) = await while_connected(request, service.predict([body.text], call))
        answer = write_prediction(prediction) | {"release_id": service.scorer.release_id}
        if not body.return_probabilities:
            del answer["probabilities"]
        return json_response(answer)

    async def feedback(request: Request) -> Response:
        body = _valid(FeedbackBody, load_json(await read_body(request, settings.max_body_bytes)))
        try:
            await add_feedback_async(settings.database_url, body.prediction_id, body.label, body.who)
        except UnknownPrediction as error:
            raise NotFound(str(error)) from None
        except InvalidFeedback as error:
            raise InvalidInput(str(error)) from None
        except LogError:
            raise Unavailable("the prediction log's database does not answer; send the feedback again later") from None
        return json_response({"prediction_id": body.prediction_id, "label": body.label})

    return [
        Route("/predict", counted(state, "predict")(predict), methods=["POST"]),
        Route("/feedback", counted(state, "feedback")(feedback), methods=["POST"]),
    ]
