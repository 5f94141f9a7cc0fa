"""CloudEvents to V1, written and read by the package that KServe's SDK uses."""

from collections.abc import Callable
from typing import Any

import pytest
from cloudevents.conversion import to_binary, to_structured
from cloudevents.http import CloudEvent, from_http

from model_server.errors import InvalidInput, UnsupportedMedia
from model_server.rest.cloudevents import Mode, mode_of, request_in

PATH = "/v1/models/sentiment:predict"
ASKED = {"type": "review.written", "source": "/shop/reviews", "subject": "review 7"}
EVENT = {"specversion": "1.0", "id": "7", "source": "/shop", "type": "review"}
HEADERS = {f"ce-{name}": value for name, value in EVENT.items()}


@pytest.mark.parametrize("verb", ["predict", "explain"])
@pytest.mark.parametrize("write", [to_binary, to_structured])
def test_an_event_is_answered_by_an_event(http, write: Callable[[CloudEvent], Any], verb):
    event = CloudEvent(ASKED, {"instances": ["A warm, funny film."]})
    headers, body = write(event)
    answered = http.post(f"/v1/models/sentiment:{verb}", content=body, headers=headers)
    assert answered.status_code == 200
    answer = from_http(dict(answered.headers), answered.content)
    assert (answer["type"], answer["source"]) == ("io.kserve.inference.response", "io.kserve.inference.sentiment")
    assert answer["id"] != event["id"] and answer["time"] and answer["specversion"] == "1.0"
    assert ("ce-id" in answered.headers) == (write is to_binary)
    (prediction,) = answer.data["predictions"]
    plain = http.post(PATH, json={"instances": ["A warm, funny film."]})
    assert plain.headers["content-type"] == "application/json" and not set(plain.headers) & set(HEADERS)
    assert prediction["label"] == plain.json()["predictions"][0]["label"]
    assert ("explanations" in answer.data) == (verb == "explain")


def test_an_events_mistakes_are_a_clients(http):
    headers, body = to_structured(CloudEvent(ASKED, {"instances": [3]}))
    answered = http.post(PATH, content=body, headers=headers)
    assert answered.status_code == 400 and "instances[0]" in answered.json()["error"]
    batch = {"content-type": "application/cloudevents-batch+json"}
    assert http.post(PATH, content=b"[]", headers=batch).status_code == 415


@pytest.mark.parametrize(
    ("headers", "mode"),
    [
        ({}, None),
        ({"content-type": "application/json"}, None),
        (HEADERS | {"content-type": "application/json"}, Mode.BINARY),
        ({"content-type": "Application/CloudEvents+JSON; charset=utf-8"}, Mode.STRUCTURED),
    ],
)
def test_modes_are_distinguished(headers, mode):
    assert mode_of(headers) is mode


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        *((HEADERS | {f"ce-{name}": ""}, f"ce-{name} ") for name in EVENT),
        *(
            ({key: value for key, value in HEADERS.items() if key != name}, name)
            for name in HEADERS
            if "spec" not in name
        ),
        (HEADERS | {"ce-specversion": "0.3"}, "'0.3'; send 1.0"),
    ],
)
def test_an_attribute_missing_from_a_binary_event_is_named(headers, message):
    with pytest.raises(InvalidInput, match=message):
        mode_of(headers)


@pytest.mark.parametrize("media_type", ["application/cloudevents", "application/cloudevents+avro"])
def test_other_formats_are_refused(media_type):
    with pytest.raises(UnsupportedMedia, match="application/cloudevents"):
        mode_of({"content-type": media_type})


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({"data": {"instances": []}}, "specversion"),
        (EVENT | {"id": 7, "data": {}}, "id of the CloudEvent"),
        (EVENT, "data must be an object"),
        (EVENT | {"data": "text"}, "data must be an object"),
        (EVENT | {"data_base64": "?"}, "base64"),
        (EVENT | {"data_base64": 3}, "base64"),
        (EVENT | {"data_base64": "é"}, "base64"),
        (EVENT | {"data_base64": "W10="}, "data_base64 is an array"),
    ],
)
def test_an_attribute_missing_from_a_structured_event_is_named(event, message):
    with pytest.raises(InvalidInput, match=message):
        request_in(event)


def test_data_may_be_base64():
    assert request_in(EVENT | {"data_base64": "eyJpbnN0YW5jZXMiOiBbImEiXX0="}) == {"instances": ["a"]}
