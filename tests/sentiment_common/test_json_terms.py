"""JSON values are named by JSON's words."""

import pytest

from sentiment_common.json_terms import json_text, json_type


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (None, "null", "null"),
        (True, "a boolean", "true"),
        (7, "a number", "7"),
        (0.5, "a number", "0.5"),
        ("a", "a string", "'a'"),
        ([None, False], "an array", "[null, false]"),
        ({"é": None}, "an object", '{"é": null}'),
    ],
)
def test_values(value: object, kind: str, text: str) -> None:
    assert (json_type(value), json_text(value)) == (kind, text)
