"""The routes of V2's model repository extension: load and unload."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from model_server.lifecycle.switch import ReleaseSwitch
from model_server.protocol.repository import wanted_release
from model_server.protocol.v2 import load_json
from model_server.rest.exchange import answering_errors, json_response, read_body

_MAX_BODY_BYTES = 65_536


def repository_routes(switch: ReleaseSwitch) -> list[Route]:
    """Return `POST /v2/repository/models/{name}/load` and `…/unload`."""

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
