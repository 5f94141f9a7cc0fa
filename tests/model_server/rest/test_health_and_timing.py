"""The OpenAPI document matches the answers, and Server-Timing shows where a request's time went."""

import re

import jsonschema
from kit.v2_requests import INFER, json_request


def _schema(document, path, method, status="200"):
    answer = document["paths"][path][method]["responses"][status]["content"]["application/json"]["schema"]
    return {**answer, "components": document["components"]}


def test_answers_are_what_the_document_says(http):
    document = http.get("/openapi.json").json()
    asked = {
        ("/v2/models/{name}/infer", "post"): http.post(INFER, json=json_request(["a warm film"], ["label", "tokens"])),
        ("/v2/models/{name}", "get"): http.get("/v2/models/sentiment"),
        ("/health", "get"): http.get("/health"),
    }
    for (path, method), answer in asked.items():
        assert answer.status_code == 200, answer.text
        jsonschema.validate(answer.json(), _schema(document, path, method))
    mistake = http.post(INFER, json={})
    jsonschema.validate(mistake.json(), _schema(document, "/v2/models/{name}/infer", "post", "400"))


def test_an_answer_shows_where_its_time_went(http):
    answer = http.post(INFER, json=json_request(["a warm film " * 20], ["label"]))
    durations = {name: float(ms) for name, ms in re.findall(r"(\w+);dur=([\d.]+)", answer.headers["server-timing"])}
    assert list(durations) == ["tokenise", "queue", "engine", "total"]
    assert 0 < durations["tokenise"] + durations["queue"] + durations["engine"] <= durations["total"] + 0.03
    assert "engine;" not in http.get("/health").headers["server-timing"]
