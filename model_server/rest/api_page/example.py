"""Example values of JSON schemas, which a reader can send unchanged."""

from collections.abc import Mapping
from typing import Any

_BY_TYPE: dict[str, Any] = {"string": "", "integer": 1, "number": 1.0, "boolean": False, "null": None}
_REF = "#/components/schemas/"


def resolve(schema: Any, schemas: Mapping[str, Any]) -> Any:
    """Replace every reference to `components.schemas` in a schema by its target."""
    if isinstance(schema, Mapping):
        if isinstance(name := schema.get("$ref"), str) and name.startswith(_REF):
            return resolve(schemas[name.removeprefix(_REF)], schemas)
        return {key: resolve(value, schemas) for key, value in schema.items()}
    return [resolve(item, schemas) for item in schema] if isinstance(schema, list) else schema


def example_of(schema: Mapping[str, Any]) -> Any:
    """Return a value that the schema allows, with required fields only; the schema's own example if it has one.

    Args:
        schema: without references; see `resolve`.
    """
    for key, pick in (("examples", 0), ("const", None), ("enum", 0), ("default", None)):
        if key in schema:
            return schema[key] if pick is None else schema[key][pick]
    if "anyOf" in schema:
        return example_of(schema["anyOf"][0])
    match schema.get("type"):
        case "object":
            properties, required = schema.get("properties", {}), schema.get("required", ())
            return {name: example_of(properties[name]) for name in properties if name in required}
        case "array":
            return [example_of(schema.get("items", {}))] * max(schema.get("minItems", 0), 0)
        case kind:
            return _BY_TYPE.get(str(kind))
