"""The OpenAPI document of the REST application.

Schemas of the friendly routes come from their models; those of the protocol, whose bodies no model reads, stand here.
"""

from functools import cache
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from model_server.about import version
from model_server.inference.types import TRUNCATIONS
from model_server.protocol.tensors import INPUT, OUTPUTS
from model_server.protocol.v2 import LENGTH_HEADER
from model_server.rest.friendly import FeedbackBody, PredictAnswer, PredictBody
from model_server.rest.health import HealthAnswer

Schema = dict[str, Any]
_STRING: Schema = {"type": "string"}
_ERRORS = {
    400: "The request is malformed; the message names the field and the remedy",
    404: "No such model, version or prediction",
    413: "Over a limit",
    415: "The body's content coding is neither gzip nor deflate, or a CloudEvent (V1) is not JSON",
    429: "Overload; Retry-After says when to retry",
    504: "The request's deadline passed, or would pass before its turn",
    503: "Not ready, or stopping; Retry-After says when to retry",
}
_BODY_ERRORS = (400, 413, 415, 503)  # of routes that read a body
_WORK_ERRORS = (*_BODY_ERRORS, 429, 504)  # of routes that use the engine
_REFERENCE = "#/components/schemas/{model}"


def _object(properties: dict[str, Schema], required: tuple[str, ...] = (), **other: Any) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required), **other}


def _list(items: Schema, **other: Any) -> Schema:
    return {"type": "array", "items": items, **other}


ERROR = _object({"error": _STRING}, ("error",))
_NAME, _DATATYPE = {"enum": list(OUTPUTS)}, {"enum": sorted({kind for kind, _ in OUTPUTS.values()})}
_SHAPE = _list({"type": "integer", "minimum": 0})
_ONE: Schema = {"const": 1}
_PARAMETERS = _object(
    {
        "truncation": {"enum": list(TRUNCATIONS)},
        "explain": {"type": "boolean"},
        "binary_data_output": {"type": "boolean"},
    },
    additionalProperties=False,
)
_TEXT = {"type": "string", "minLength": 1, "pattern": "[A-Za-z]", "examples": ["A warm, funny film."]}
_REQUEST = _object(
    {
        "id": _STRING,
        "parameters": _PARAMETERS,
        "inputs": _list(
            _object(
                {
                    "name": {"const": INPUT["name"]},
                    "datatype": {"const": INPUT["datatype"]},
                    "shape": _list(_ONE, prefixItems=[{"type": "integer", "minimum": 1}], minItems=1, maxItems=2),
                    "data": _list(_TEXT, minItems=1),
                },
                ("name", "datatype", "shape", "data"),
            ),
            minItems=1,
            maxItems=1,
        ),
        "outputs": _list(
            _object({"name": _NAME, "parameters": _object({"binary_data": {"type": "boolean"}})}, ("name",)),
            uniqueItems=True,
        ),
    },
    ("inputs",),
)
_OUTPUT = _object(
    {"name": _NAME, "datatype": _DATATYPE, "shape": _SHAPE, "data": _list({}), "parameters": {"type": "object"}},
    ("name", "datatype", "shape"),
)
_RESPONSE = _object(
    {"model_name": _STRING, "model_version": _STRING, "id": _STRING, "outputs": _list(_OUTPUT)},
    ("model_name", "model_version", "outputs"),
)
_TENSORS = _list(_object({"name": _STRING, "datatype": _STRING, "shape": _list({"type": "integer"})}))
_METADATA = _object(
    {"name": _STRING, "versions": _list(_STRING), "platform": _STRING, "inputs": _TENSORS, "outputs": _TENSORS},
    ("name", "platform", "inputs", "outputs"),
)
# Generated clients name the types of requests and answers by these keys.
_SCHEMAS = {"V2Request": _REQUEST, "V2Answer": _RESPONSE, "V2Metadata": _METADATA}


def _named(name: str) -> Schema:
    return {"$ref": _REFERENCE.format(model=name)}


_SERVER = _object(
    {"name": _STRING, "version": _STRING, "extensions": _list(_STRING)}, ("name", "version", "extensions")
)
_STATES = {"enum": ["LOADING", "READY", "UNLOADING", "UNAVAILABLE"]}
_INDEX = _list(
    _object(
        {"name": _STRING, "version": _STRING, "state": _STATES, "reason": _STRING},
        ("name", "version", "state", "reason"),
    )
)
_ALIVE = _object({"status": {"const": "alive"}, **dict.fromkeys(("model", "docs", "health"), _STRING)}, ("status",))
_READY = _object({"name": _STRING, "ready": {"type": "boolean"}})
_V1_REQUEST = _object(
    {
        "instances": _list({"anyOf": [_TEXT, _object({"text": _TEXT}, ("text",))]}, minItems=1),
        "parameters": _PARAMETERS,
    },
    ("instances",),
    additionalProperties=False,
)
_V1_RESPONSE = _object({"predictions": _list({"type": "object"})}, ("predictions",))
_V1_EXPLAINED = _object(
    {part: _list({"type": "object"}) for part in ("predictions", "explanations")}, ("explanations",)
)


class _WithoutNull(GenerateJsonSchema):
    """Describe a field whose default is null as one that may be missing, which is how the answers are written."""

    def default_schema(self, schema: Any) -> Schema:
        described = super().default_schema(schema)
        if described.get("default", ...) is None:
            del described["default"]
        return described


def _json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}


def _responses(content: Schema, *errors: int) -> Schema:
    refused = {str(status): {"description": _ERRORS[status], "content": _json(ERROR)} for status in errors}
    return {"200": {"description": "The answer", "content": content}, **refused}


def _body(schema: Schema, *, required: bool = True) -> Schema:
    return {"required": required, "content": _json(schema)}


def _operation(
    path: str,
    summary: str,
    answer: Schema,
    *errors: int,
    body: Schema | None = None,
    required: bool = True,
    binary: bool = False,
) -> Schema:
    content = _json(answer)
    if binary:
        content["application/octet-stream"] = {"schema": {"type": "string", "format": "binary"}}
    operation: Schema = {
        "summary": summary,
        "tags": [path.split("/")[1].partition(":")[0].upper() or "V1"],
        "operationId": path.replace("/", "_").strip("_") or "alive",
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": "^[^/]+$"}}
            for name in ("name", "version")
            if f"{{{name}}}" in path
        ],
        "responses": _responses(content, *errors),
    }
    if body is not None:
        operation["requestBody"] = _body(body, required=required)
    return operation


def _protocol_paths() -> dict[str, Schema]:
    """Describe the routes of V2 and V1."""
    paths: dict[str, Schema] = {}

    def get(path: str, summary: str, answer: Schema, *errors: int) -> None:
        paths[path] = {"get": _operation(path, summary, answer, *errors)}

    live, ready = (_object({word: {"type": "boolean"}}, (word,)) for word in ("live", "ready"))
    get("/", "Does the process answer? (V1)", _ALIVE)
    get("/v2", "Server metadata", _SERVER)
    get("/v2/health/live", "Does the process answer?", live)
    get("/v2/health/ready", "Does the server answer inference requests?", ready)
    paths["/v2/health/ready"]["get"]["responses"]["503"] = {
        "description": _ERRORS[503],
        "content": {"application/json": {"schema": ready}},
    }
    for model in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
        get(model, "Model metadata", _named("V2Metadata"), 404)
        get(f"{model}/ready", "Does the model answer inference requests?", _READY, 404, 503)
        infer = _operation(
            f"{model}/infer",
            "Sentiment of texts",
            _named("V2Answer"),
            *_WORK_ERRORS,
            404,
            body=_named("V2Request"),
            binary=True,
        )
        infer["description"] = (
            f"Tensors may be binary: with the header {LENGTH_HEADER}, their bytes follow the JSON. "
            "With the header's value 0, the whole body is one text. "
            "An output's parameter `classification` returns that many classes in place of its values."
        )
        paths[f"{model}/infer"] = {"post": infer}
    index = _object({"ready": {"type": "boolean"}}, additionalProperties=False)
    path = "/v2/repository/index"
    paths[path] = {
        "post": _operation(path, "Models and their states", _INDEX, *_BODY_ERRORS, body=index, required=False)
    }
    for protocol in ("/v1/models", "/v2/models"):
        get(protocol, "Names of models", _object({"models": _list(_STRING)}, ("models",)))
    get("/v1/models/{name}", "Does the model answer inference requests?", _READY, 404, 503)
    for verb, summary, answer in (
        ("predict", "Sentiment (V1)", _V1_RESPONSE),
        ("explain", "Sentiment and why (V1)", _V1_EXPLAINED),
    ):
        path = f"/v1/models/{{name}}:{verb}"
        paths[path] = {"post": _operation(path, summary, answer, *_WORK_ERRORS, 404, body=_V1_REQUEST)}
    return paths


def _friendly_paths() -> dict[str, Schema]:
    """Describe the friendly routes, health and metrics."""
    paths: dict[str, Schema] = {}

    def add(method: str, name: str, summary: str, content: Schema, *errors: int, **other: Any) -> None:
        described = {"summary": summary, "operationId": f"{name}_{name}_{method}"}
        paths[f"/{name}"] = {method: described | {"responses": _responses(content, *errors)} | other}

    predict, feedback = (
        _body(model.model_json_schema(schema_generator=_WithoutNull)) for model in (PredictBody, FeedbackBody)
    )
    truncation = f"truncation of a text over the model's tokens: {', '.join(TRUNCATIONS)}"
    answer, health = _json(_named("PredictAnswer")), _json(_named("HealthAnswer"))
    add(
        "post",
        "predict",
        "The sentiment of one text",
        answer,
        *_WORK_ERRORS,
        description=truncation,
        requestBody=predict,
    )
    add("post", "feedback", "The true label of a prediction", _json({}), *_BODY_ERRORS, 404, requestBody=feedback)
    add("get", "health", "Phase, release and log of this server", health)
    add("get", "metrics", "Prometheus metrics", {"text/plain": {"schema": {"type": "string"}}})
    unready = {"description": "Not ready; the same document", "content": health}
    paths["/health"]["get"]["responses"]["503"] = unready
    return paths


@cache
def document() -> Schema:
    """Build the OpenAPI document of all routes."""
    _, models = models_json_schema(
        [(model, "serialization") for model in (PredictAnswer, HealthAnswer)],
        ref_template=_REFERENCE,
        schema_generator=_WithoutNull,
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "sentiment-pipeline",
            "version": version(),
            "description": "Sentiment of texts, beside the V2 protocol; HEAD is answered wherever GET is",
        },
        "paths": _friendly_paths() | _protocol_paths(),
        "components": {"schemas": models["$defs"] | _SCHEMAS},
    }
