"""The OpenAPI document describes what the server does: Schemathesis makes calls from it, right ones and wrong ones."""

from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from openapi_spec_validator import validate

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed (it is in the extra dev)")
CHECKS = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance")
MODES = ("POSITIVE", "NEGATIVE")
ROUTES = {"/v2/models/{name}/infer", "/v2/repository/index", "/v1/models/{name}:predict", "/predict", "/feedback"}


@pytest.fixture(scope="module")
def document(server: Any) -> dict[str, Any]:
    return httpx.get(f"{server.url}/openapi.json", trust_env=False).json()


def test_the_document_is_valid_openapi_and_has_every_route(document: dict[str, Any]):
    validate(document)
    assert set(document["paths"]) >= ROUTES


def play(document: dict[str, Any], server: Any, mode: str, change: Any = None) -> set[int]:
    """Call each operation with data of a mode, `change` applied to each case; the statuses that were answered."""
    seen: set[int] = set()
    for found in schemathesis.openapi.from_dict(document).get_all_operations():
        operation = found.ok()
        if mode == "NEGATIVE" and not operation.body:
            continue  # any string is a right name in a path
        strategy = operation.as_strategy(generation_mode=schemathesis.GenerationMode[mode])

        @given(strategy)
        @settings(
            max_examples=30,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def one(case: Any) -> None:
            if change is not None:
                change(case)
            response = case.call(base_url=server.url)
            seen.add(response.status_code)
            case.validate_response(response, checks=[schemathesis.checks.CHECKS.get_one(name) for name in CHECKS])

        one()
    return seen


@pytest.mark.parametrize("mode", MODES)
def test_every_operation_does_as_it_is_described(document: dict[str, Any], server: Any, mode: str):
    """No answer is a 5xx, or of a status, a type or a form that the document does not have."""
    seen = play(document, server, mode)
    assert seen >= ({200, 404} if mode == "POSITIVE" else {400, 404})
    assert not any(status >= 500 for status in seen)


def test_bodies_for_the_served_model_are_answered_or_refused_for_what_they_say(document: dict[str, Any], server: Any):
    version = httpx.get(f"{server.url}/v2/models/sentiment", trust_env=False).json()["versions"][0]

    def right(case: Any) -> None:
        for name, value in (("name", "sentiment"), ("version", version)):
            if name in (case.path_parameters or {}):
                case.path_parameters[name] = value

    assert play(document, server, "POSITIVE", right) <= {200, 400, 404, 413}  # 413: too many to explain
    assert "Traceback" not in server.output
