"""JSON values as messages name them: by JSON's words, not Python's."""

import json

# `bool` before `int`, which it is one of.
_TYPES = ((bool, "a boolean"), (int | float, "a number"), (str, "a string"), (list, "an array"), (dict, "an object"))


def json_type(value: object) -> str:
    """Name the type of a parsed JSON value: `null`, `a boolean`, `a number`, `a string`, `an array` or `an object`."""
    if value is None:
        return "null"
    return next((name for kind, name in _TYPES if isinstance(value, kind)), "not JSON")


def json_text(value: object) -> str:
    """Format a parsed JSON value as JSON; a string in single quotes, as messages quote names."""
    return repr(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=repr)
