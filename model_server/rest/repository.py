"""REST of V2's model repository extension: load and unload. It only translates; `switch` does it."""

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from model_server.errors import InvalidInput
from model_server.lifecycle.switch import ReleaseSwitch
from model_server.protocol.v2 import load_json
from model_server.rest.exchange import answering_errors, json_response, read_body
from sentiment_common.json_terms import json_text, json_type

RELEASE = "release"
_ID = re.compile("[0-9a-f]{1,16}")
_MAX_BODY_BYTES = 65_536


def wanted_release(document: dict[str, Any]) -> str | None:
    """`parameters.release` of a load's body. InvalidInput for anything else in it."""
    if unknown := set(document) - {"parameters"}:
        raise InvalidInput(f"{sorted(unknown)[0]} is unknown; a load takes 'parameters' with 'release'")
    parameters = document.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise InvalidInput(f"parameters is {json_type(parameters)}; send an object")
    if unknown := set(parameters) - {RELEASE}:
        raise InvalidInput(f"parameters.{sorted(unknown)[0]} is unknown; a load takes 'release'")
    release = parameters.get(RELEASE)
    if release is not None and not (isinstance(release, str) and _ID.fullmatch(release)):
        raise InvalidInput(
            f"parameters.release is {json_text(release)}; send a release's id (16 hex digits) or its beginning"
        )
    return release


def repository_routes(switch: ReleaseSwitch) -> list[Route]:
    """`POST /v2/repository/models/{name}/load` and `…/unload`."""

    @answering_errors
    async def load(request: Request) -> Response:
        body = await read_body(request, _MAX_BODY_BYTES)
        release = wanted_release(load_json(body) if body else {})
        name = request.path_params["name"]
        version = await switch.load(name, release)
        return json_response({"name": name, "load": True, "version": version})

    @answering_errors
    async def unload(request: Request) -> Response:
        name = request.path_params["name"]
        await switch.unload(name)
        return json_response({"name": name, "unload": True})

    path = "/v2/repository/models/{name}"
    return [Route(f"{path}/load", load, methods=["POST"]), Route(f"{path}/unload", unload, methods=["POST"])]
