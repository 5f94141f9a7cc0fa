"""OpenAPI of the routes that stand beside FastAPI's: V2 inference and metadata. Clients make their types from it."""

from typing import Any, Literal

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from prediction_log.writer import WriterStats

_REF = "#/components/schemas/{model}"


class V2Input(BaseModel):
    """The model's one input, `text`."""

    name: Literal["text"]
    datatype: Literal["BYTES"]
    shape: list[int]
    data: list[str]


class V2AskedOutput(BaseModel):
    """An output by its name."""

    name: str


class V2Request(BaseModel):
    """Texts to judge; without `outputs` the answer holds label, confidence and probabilities."""

    inputs: list[V2Input]
    outputs: list[V2AskedOutput] | None = None
    parameters: dict[str, str | int | float | bool] | None = None
    id: str | None = None


class V2Output(BaseModel):
    """A tensor of the answer, its values flat in row-major order."""

    name: str
    datatype: str
    shape: list[int]
    data: list[str | float | bool]


class V2Answer(BaseModel):
    """The tensors asked for; `model_version` is the release's id."""

    model_name: str
    model_version: str
    outputs: list[V2Output]
    id: str | None = None


class V2Tensor(BaseModel):
    """A tensor that the model takes or gives; -1 stands for any number."""

    name: str
    datatype: str
    shape: list[int]


class V2Metadata(BaseModel):
    """What the model takes and gives."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[V2Tensor]
    outputs: list[V2Tensor]


class HealthAnswer(BaseModel):
    """Phase, release and log of one server process; `requests` and `errors` count from its start."""

    status: Literal["starting", "ready", "draining"]
    model: str
    release_id: str | None
    variant: str | None
    version: str
    queue: int
    requests: int
    errors: int
    log: WriterStats


def _answer(text: str, model: str) -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": {"$ref": _REF.format(model=model)}}}}


def _paths() -> dict[str, Any]:
    name = {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}
    body = {"required": True, "content": {"application/json": {"schema": {"$ref": _REF.format(model="V2Request")}}}}
    errors = {
        "400": _answer("The request names its bad field", "ErrorAnswer"),
        "429": _answer("The queue is full; Retry-After says when to ask again", "ErrorAnswer"),
        "503": _answer("Not ready, or stopping", "ErrorAnswer"),
    }
    infer = {
        "summary": "V2 inference; binary tensors are told by Inference-Header-Content-Length",
        "parameters": [name],
        "requestBody": body,
        "responses": {"200": _answer("The answer", "V2Answer")} | errors,
    }
    metadata = {
        "summary": "V2 metadata of a model",
        "parameters": [name],
        "responses": {
            "200": _answer("The model's tensors", "V2Metadata"),
            "404": _answer("No such model", "ErrorAnswer"),
        },
    }
    return {"/v2/models/{name}/infer": {"post": infer}, "/v2/models/{name}": {"get": metadata}}


class DocumentedApp(FastAPI):
    """FastAPI whose description also tells of the V2 routes."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            document = super().openapi()
            models: tuple[type[BaseModel], ...] = (V2Request, V2Answer, V2Metadata)
            _, made = models_json_schema([(model, "serialization") for model in models], ref_template=_REF)
            document["components"]["schemas"] |= made["$defs"]
            document["paths"] |= _paths()
        return self.openapi_schema or {}
