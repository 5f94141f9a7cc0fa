"""The page's HTML, made from an OpenAPI document, and headers that restrict it to its own content."""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from model_server.rest.api_page.example import example_of, resolve

_FOLDER = Path(__file__).parent
_JSON = "application/json"
_METHODS = ("get", "post", "put", "delete")


@cache
def _asset(name: str) -> str:
    return (_FOLDER / name).read_text("utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def headers() -> dict[str, str]:
    """Return headers that allow the page's own script and style and calls of the page's server, and nothing else."""
    policy = {
        "default-src": "'none'",
        "script-src": _hash(_asset("page.js")),
        "style-src": _hash(_asset("page.css")),
        "connect-src": "'self'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
    }


def render(document: Mapping[str, Any], model: str) -> str:
    """Render the page of an OpenAPI document; the forms suggest `model` for a path's `{name}`."""
    info = document["info"]
    schemas = document.get("components", {}).get("schemas", {})
    parts = [
        _operation(path, method, operation, schemas, model)
        for path, methods in sorted(document["paths"].items(), key=_order)
        for method, operation in methods.items()
        if method in _METHODS
    ]
    title = escape(f"{info['title']} {info['version']}")
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f"<style>{_asset('page.css')}</style></head><body><header><h1>{title}</h1>"
        f"<p>{escape(info.get('description', ''))}. "
        'The same as data: <a id="document" href="openapi.json">openapi.json</a>.</p>'
        "<noscript><p>The forms below need JavaScript.</p></noscript></header>"
        f"<main>{''.join(parts)}</main><script>{_asset('page.js')}</script></body></html>\n"
    )


def _order(item: tuple[str, Any]) -> tuple[bool, bool, str]:
    """Sort key of a path: paths that take a body first, the friendly routes before the protocol's."""
    path, methods = item
    return "post" not in methods, path.startswith(("/v1", "/v2")), path


def _operation(path: str, method: str, operation: Mapping[str, Any], schemas: Mapping[str, Any], model: str) -> str:
    description = operation.get("description")
    responses = "".join(
        f"<tr><th>{escape(str(status))}</th><td>{escape(response.get('description', ''))}</td></tr>"
        for status, response in operation.get("responses", {}).items()
    )
    return (
        f"<details><summary><b>{method.upper()}</b> <code>{escape(path)}</code> "
        f"<span>{escape(operation.get('summary', ''))}</span></summary>"
        f"{f'<p>{escape(description)}</p>' if description else ''}"
        f"{''.join(_form(path, method, operation, schemas, model))}"
        f"<h2>Answers</h2><table>{responses}</table>{''.join(_schemas(operation, schemas))}</details>"
    )


def _form(
    path: str, method: str, operation: Mapping[str, Any], schemas: Mapping[str, Any], model: str
) -> Iterator[str]:
    yield f'<form data-method="{method.upper()}" data-path="{escape(path)}">'
    for parameter in operation.get("parameters", ()):
        name, place = escape(parameter["name"]), escape(parameter["in"])
        value = escape(model) if (name, place) == ("name", "path") else ""
        required = " required" if parameter.get("required") else ""
        yield f'<label>{name} <input name="{name}" data-in="{place}" value="{value}"{required}></label>'
    if body := operation.get("requestBody"):
        example = example_of(resolve(body["content"][_JSON]["schema"], schemas))
        text = escape(json.dumps(example, indent=2, ensure_ascii=False))
        yield f'<label>body <textarea name="body" rows="8" spellcheck="false">{text}</textarea></label>'
    yield '<button>Send</button><output aria-live="polite"></output></form>'


def _schemas(operation: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[str]:
    """Yield the schemas of the request and of the answer 200, folded."""
    found = {
        "Schema of the body": operation.get("requestBody", {}),
        "Schema of the answer": operation.get("responses", {}).get("200", {}),
    }
    for title, part in found.items():
        schema = part.get("content", {}).get(_JSON, {}).get("schema")
        if schema:
            text = escape(json.dumps(resolve(schema, schemas), indent=2))
            yield f"<details><summary>{title}</summary><pre>{text}</pre></details>"
