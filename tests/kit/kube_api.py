"""A Kubernetes API server with as much of the protocol as our programs use, over objects in memory.

It lists by labels, creates, applies and merges with the check of resourceVersion, hands out logs and forwards ports; it
knows no controllers, no schemas and no rights. `refuse` makes the next requests fail.
"""

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import uvicorn
import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

Object = dict[str, Any]


def _status(code: int, message: str) -> Response:
    return JSONResponse({"kind": "Status", "status": "Failure", "message": message, "code": code}, code)


def merged(old: Any, change: Any) -> Any:
    """Apply a JSON merge patch (RFC 7396)."""
    if not isinstance(change, dict):
        return change
    result = dict(old) if isinstance(old, dict) else {}
    for key, value in change.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


class Served:
    """An ASGI application on a free port, in a thread; by TLS with a certificate's chain and key."""

    def __init__(self, app: Starlette, certificate: tuple[Path, Path] | None = None) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        chain, key = certificate or (None, None)
        self._server = uvicorn.Server(uvicorn.Config(app, log_level="error", ssl_certfile=chain, ssl_keyfile=key))
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()


class KubeApi(Served):
    """
    Attributes:
        objects: by the path of their collection and their name, such as `["/api/v1/namespaces/ns/pods", "a"]`.
        logs: what pods wrote, by name.
        forwards: the local port behind each pod's name.
        asked: method and path of each request.
        patches: manager, content type and body of each change.
        after_patch: what happens right after the next change.
    """

    def __init__(self) -> None:
        every = ["GET", "POST", "PATCH"]
        super().__init__(
            Starlette(
                routes=[
                    WebSocketRoute("/api/v1/namespaces/{namespace}/pods/{pod}/portforward", self._forward),
                    Route("/api/v1/namespaces/{namespace}/pods/{pod}/log", self._log),
                    Route("/{path:path}", self._answer, methods=every),
                ]
            )
        )
        self.objects: dict[str, dict[str, Object]] = {}
        self.resources: dict[str, list[str]] = {}
        self.logs: dict[str, str] = {}
        self.forwards: dict[str, int] = {}
        self.asked: list[tuple[str, str]] = []
        self.patches: list[tuple[str, str, Object]] = []
        self.after_patch: list[Callable[[], None]] = []
        self._refusals: list[tuple[str, int]] = []
        self._version = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def refuse(self, method: str, *statuses: int) -> None:
        """Answer the next requests of this method with these statuses."""
        self._refusals += [(method, status) for status in statuses]

    def put(self, collection: str, found: Object) -> Object:
        """Keep an object, and add the fields that a server adds."""
        self._version += 1
        kept = deepcopy(found)
        kept.setdefault("status", {})
        metadata = kept["metadata"]
        metadata.setdefault("uid", f"uid-{metadata['name']}")
        metadata.setdefault("creationTimestamp", datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
        metadata["resourceVersion"] = str(self._version)
        self.objects.setdefault(collection, {})[metadata["name"]] = kept
        return kept

    async def _answer(self, request: Request) -> Response:
        path = request.url.path.rstrip("/")
        self.asked.append((request.method, path))
        for refusal in self._refusals:
            if refusal[0] == request.method:
                self._refusals.remove(refusal)
                return _status(refusal[1], f"refused with {refusal[1]}")
        if request.method == "PATCH":
            return self._patch(path, request, yaml.safe_load(await request.body()))
        if request.method == "POST":
            return self._create(path, await request.json())
        return self._get(path, request.query_params.get("labelSelector", ""))

    def _get(self, path: str, selector: str) -> Response:
        """An object at …/namespaces/NAMESPACE/PLURAL/NAME, a collection a step above, or the kinds of a group."""
        collection, _, name = path.rpartition("/")
        steps = path.partition("/namespaces/")[2].split("/")
        if len(steps) == 3:
            found = self.objects.get(collection, {}).get(name)
            return JSONResponse(found) if found else _status(404, f"{name} not found")
        if len(steps) == 2:
            wanted = dict(one.split("=") for one in selector.split(",") if one)
            everything = self.objects.get(path, {}).values()
            items = [one for one in everything if wanted.items() <= one["metadata"].get("labels", {}).items()]
            return JSONResponse({"kind": "List", "metadata": {}, "items": items})
        if path not in self.resources:
            return _status(404, f"{path} not found")
        kinds = [
            {"name": one, "singularName": "", "kind": "X", "namespaced": True, "verbs": []}
            for one in self.resources[path]
        ]
        return JSONResponse({"kind": "APIResourceList", "groupVersion": "g/v", "resources": kinds})

    def _create(self, path: str, made: Object) -> Response:
        if made["metadata"]["name"] in self.objects.get(path, {}):
            return _status(409, f"{made['metadata']['name']} already exists")
        return JSONResponse(self.put(path, made), 201)

    def _patch(self, path: str, request: Request, change: Object) -> Response:
        collection, _, name = path.rpartition("/")
        kind = request.headers["content-type"]
        self.patches.append((request.query_params.get("fieldManager", ""), kind, change))
        if collection not in self.objects:
            return _status(404, "the server could not find the requested resource")
        old = self.objects[collection].get(name)
        if old is None and kind != "application/apply-patch+yaml":
            return _status(404, f"{name} not found")
        version = change.get("metadata", {}).get("resourceVersion")
        if old is not None and version not in (None, old["metadata"]["resourceVersion"]):
            return _status(409, "the object has been modified")
        kept = self.put(collection, merged(old, change))
        while self.after_patch:
            self.after_patch.pop()()
        return JSONResponse(kept, 201 if old is None else 200)

    async def _log(self, request: Request) -> Response:
        self.asked.append((request.method, request.url.path))
        pod = request.path_params["pod"]
        return PlainTextResponse(self.logs[pod]) if pod in self.logs else _status(404, f"no log of {pod}")

    async def _forward(self, websocket: WebSocket) -> None:
        """Channel 0 carries the port's bytes, channel 1 what went wrong; each begins with the port's number."""
        self.asked.append(("CONNECT", websocket.url.path))
        pod = websocket.path_params["pod"]
        if pod not in self.forwards:
            await websocket.close()
            return
        await websocket.accept("v4.channel.k8s.io")
        number = int(websocket.query_params["ports"]).to_bytes(2, "little")
        await websocket.send_bytes(b"\x00" + number)
        await websocket.send_bytes(b"\x01" + number)
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.forwards[pod])
        except OSError:
            await websocket.send_bytes(b"\x01connection refused")
            await websocket.close()
            return
        back = asyncio.create_task(self._back(reader, websocket))
        try:
            while True:
                writer.write((await websocket.receive_bytes())[1:])
        except WebSocketDisconnect:
            back.cancel()
            writer.close()

    async def _back(self, reader: asyncio.StreamReader, websocket: WebSocket) -> None:
        while part := await reader.read(65536):
            await websocket.send_bytes(b"\x00" + part)
