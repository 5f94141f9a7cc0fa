"""CloudEvents 1.0 over HTTP for V1, as KServe's server accepts them: a request in an event is answered by an event.

In binary mode the event's attributes are headers and the body is the request; in structured mode the body is one JSON
object with both. The answer is in the mode of the request.
"""

import binascii
import enum
import uuid
from base64 import b64decode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.responses import Response

from model_server.errors import InvalidInput, UnsupportedMedia
from model_server.protocol.v2 import load_json
from model_server.rest.exchange import json_response

_STRUCTURED, _FAMILY = "application/cloudevents+json", "application/cloudevents"
_VERSION = "1.0"
_REQUIRED = ("specversion", "id", "source", "type")
_TYPE, _SOURCE = "io.kserve.inference.response", "io.kserve.inference.{}"


class Mode(enum.Enum):
    """Place of an event's attributes: headers, or the body beside its data."""

    BINARY = "binary"
    STRUCTURED = "structured"


def mode_of(headers: Mapping[str, str]) -> Mode | None:
    """Return the mode of the event that a request carries; None if the request is not an event.

    Raises:
        InvalidInput: attributes are missing, or the event is of another version.
        UnsupportedMedia: a batch of events, or a format other than JSON.
    """
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type.startswith(_FAMILY):
        if media_type != _STRUCTURED:
            raise UnsupportedMedia(f"Content-Type {media_type} is not accepted; send one event as {_STRUCTURED}")
        return Mode.STRUCTURED
    if "ce-specversion" not in headers:
        return None
    _check({name: headers.get(f"ce-{name}") for name in _REQUIRED}, "header ce-")
    return Mode.BINARY


def request_in(event: dict[str, Any]) -> dict[str, Any]:
    """Return the V1 request in a structured event; raise InvalidInput if it is missing or malformed."""
    _check(event, "")
    if "data_base64" in event:
        try:
            return load_json(b64decode(event["data_base64"], validate=True), "data_base64")
        except (binascii.Error, TypeError, ValueError):
            raise InvalidInput(
                "data_base64 is not base64 of ASCII text; send the request as an object in data"
            ) from None
    data = event.get("data")
    if not isinstance(data, dict):
        raise InvalidInput("data must be an object with the request, such as {'instances': [...]}")
    return data


def answer_in(mode: Mode | None, document: object, model: str) -> Response:
    """Answer with the document as an event of this mode; without a mode, as plain JSON."""
    if mode is None:
        return json_response(document)
    attributes = {
        "specversion": _VERSION,
        "id": str(uuid.uuid4()),
        "source": _SOURCE.format(model),
        "type": _TYPE,
        "time": datetime.now(UTC).isoformat(),
    }
    if mode is Mode.BINARY:
        response = json_response(document)
        response.headers.update({f"ce-{name}": value for name, value in attributes.items()})
        return response
    response = json_response(attributes | {"datacontenttype": "application/json", "data": document})
    response.headers["content-type"] = _STRUCTURED
    return response


def _check(attributes: Mapping[str, object], where: str) -> None:
    for name in _REQUIRED:
        value = attributes.get(name)
        if not isinstance(value, str) or not value:
            raise InvalidInput(
                f"{where}{name} of the CloudEvent is missing or empty; an event has {', '.join(_REQUIRED)}"
            )
    if attributes["specversion"] != _VERSION:
        raise InvalidInput(f"{where}specversion of the CloudEvent is {attributes['specversion']!r}; send {_VERSION}")
