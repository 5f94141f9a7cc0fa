"""Random values that the chart's schema allows, with contradictions between them settled."""

import json
import string
from typing import Any

from chart.rendering import CHART, Values
from hypothesis import strategies as st

SCHEMA = json.loads((CHART / "values.schema.json").read_text("utf-8"))
_PRINTED = st.characters(min_codepoint=32, max_codepoint=126)
_URI = st.from_regex(r"s3://[a-z]{3,9}(/[a-z0-9_.-]{1,9}){0,2}/releases/[0-9a-f]{16}/serving/?", fullmatch=True)
# Texts whose form the schema leaves to a `fail` with a better sentence.
_KNOWN: dict[str, st.SearchStrategy[Any]] = {
    "server.storageUri": st.one_of(st.just(""), _URI),
    "server.experiments.storageUri": _URI,
}


def resolve(schema: Values) -> Values:
    """Return the schema that a reference stands for."""
    while "$ref" in schema:
        found: Values = SCHEMA
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        schema = found
    return schema


def _text(schema: Values) -> st.SearchStrategy[str]:
    longest = schema.get("maxLength", 60)
    if pattern := schema.get("pattern"):
        drawn = st.from_regex(pattern, fullmatch=True, alphabet=_PRINTED)
        # Python's $ also matches before a final line break, Go's does not; `latest` has its own refusal.
        return drawn.filter(lambda text: len(text) <= longest and "\n" not in text and text != "latest")
    return st.text(string.ascii_letters + string.digits + " -_./:", min_size=schema.get("minLength", 0), max_size=30)


def _of(schema: Values, path: str, *, whole: bool = False) -> st.SearchStrategy[Any]:
    """Values of a schema; `whole` draws required keys always, because a list's items have no defaults."""
    schema = resolve(schema)
    if path in _KNOWN:
        return _KNOWN[path]
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "const" in schema:
        return st.just(schema["const"])
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return st.one_of([_of(each, path, whole=whole) for each in schema[choice]])
    kind = schema.get("type", "object")
    if isinstance(kind, list):
        return st.one_of([_of({**schema, "type": each}, path, whole=whole) for each in kind])
    match kind:
        case "boolean":
            return st.booleans()
        case "integer":
            most = schema.get("maximum", 10**9)
            return st.integers(schema.get("minimum", 0), most) | st.just(most)
        case "number":
            least, most = schema.get("minimum", schema.get("exclusiveMinimum", 0)), schema.get("maximum", 1000)
            return st.floats(least, most, exclude_min="exclusiveMinimum" in schema).map(lambda x: round(x, 6) or most)
        case "string":
            return _text(schema)
        case "array":
            items = _of(schema.get("items", {}), path, whole=True)
            return st.lists(items, max_size=min(schema.get("maxItems", 2), 2), unique_by=repr)
    return _objects(schema, path, whole)


def _objects(schema: Values, path: str, whole: bool) -> st.SearchStrategy[Any]:
    properties = {
        key: _of(each, f"{path}.{key}".lstrip("."), whole=whole) for key, each in schema.get("properties", {}).items()
    }
    required = schema.get("required", []) if whole else []

    @st.composite
    def draw_object(draw: st.DrawFn) -> Values:
        # Half of the keys, so that defaults meet every kind of change.
        chosen = {key for key in sorted(properties) if draw(st.booleans())}
        drawn = {key: draw(properties[key]) for key in sorted(chosen | set(required))}
        for pattern, each in schema.get("patternProperties", {}).items():
            for key in draw(st.lists(st.from_regex(pattern, fullmatch=True, alphabet=_PRINTED), max_size=1)):
                drawn[key] = draw(_of(each, path))
        return drawn

    return draw_object()


def values() -> st.SearchStrategy[Values]:
    """Values of the whole chart."""
    return _of(SCHEMA, "").map(settled)


def section(drawn: Values, *path: str) -> Values:
    """Return the mapping at a path of the values, made where it is missing."""
    for part in path:
        drawn = drawn.setdefault(part, {})
    return drawn


def settled(drawn: Values) -> Values:
    """The values with what contradicts another one taken out: each such pair has a test of its refusal."""
    _settle_parts(drawn)
    _settle_observability(drawn)
    _settle_server(drawn)
    data = section(drawn, "training", "data")
    data["mountPath"] = "/data"
    if data.get("existingClaim"):
        data.pop("configMap", None)
    elif not data.get("configMap"):
        data["configMap"] = "rows"
    data["train"] = "/data/reviews.csv" if data.get("train", "/").startswith("/") else data["train"]
    if drawn.get("drift", {}).get("retrain", {}).get("enabled"):
        section(drawn, "training")["enabled"] = True
    return drawn


def _settle_parts(drawn: Values) -> None:
    postgres = section(drawn, "postgres")
    if postgres.get("enabled", True):
        postgres.pop("external", None)
    else:
        postgres.setdefault("external", {})["existingSecret"] = "the-database"
    store = section(drawn, "objectStore")
    if store.get("engine", "minio") == "minio":
        store.pop("endpoint", None)
    elif store.get("endpoint"):
        store["existingSecret"] = "the-keys"
    mlflow = section(drawn, "mlflow")
    if mlflow.get("enabled", True):
        mlflow.pop("external", None)


def _settle_observability(drawn: Values) -> None:
    alerts = section(drawn, "alertmanager")
    if alerts.get("slackChannel") or alerts.get("webhook"):
        alerts["existingSecret"] = "the-receivers"
    else:
        alerts.pop("existingSecret", None)
    if section(drawn, "prometheus").get("enabled", True):
        drawn["prometheus"].get("operator", {}).pop("enabled", None)
    else:
        grafana = section(drawn, "grafana")
        grafana["prometheusUrl"] = grafana.get("prometheusUrl") or "http://prometheus:9090"


def _settle_server(drawn: Values) -> None:
    server = section(drawn, "server")
    server.get("autoscaling", {}).pop("maxReplicas", None)
    server["replicas"] = min(server.get("replicas", 2), 6)
    if server.get("autoscaling", {}).get("engine") == "keda":
        server["autoscaling"]["prometheusUrl"] = "http://prometheus:9090"
    gateway = drawn.get("gateway", {}).get("enabled", False)
    for number, experiment in enumerate(server.get("experiments", [])):
        experiment["name"] = f"{experiment['name'][:12]}{number}"
        if not gateway:
            experiment.pop("shadow", None)
        divided = gateway or server.get("graph", {}).get("mode") == "split"
        if experiment.get("shadow") or not divided:
            experiment.pop("weight", None)
        else:
            experiment["weight"] = min(experiment.get("weight", 0), 40)
    if all(experiment.get("shadow") for experiment in server.get("experiments", [])):
        server.get("graph", {}).pop("mode", None)
    if server.get("graph", {}).get("mode", "none") != "none":
        server.pop("tls", None)
        server.pop("apiKeys", None)
    if gateway:
        drawn["gateway"]["name"] = "the-gateway"
