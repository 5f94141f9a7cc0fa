"""Servers that are still loading or overloaded report it, and refuse with the right status."""

from concurrent.futures import ThreadPoolExecutor

import grpc

from conformance.calls import call, infer_request, method
from conformance.calls import refused as refused_rpc
from conformance.check import PRACTICE, Skipped, expect, group
from conformance.checks.rpc_standard import NOT_SERVING, health
from conformance.protos import PB
from conformance.target import Target
from conformance.tensors import read, refused

check = group("Loading and overload", PRACTICE)


def _loading(target: Target) -> Target:
    if target.loading is None:
        raise Skipped("no server that is still loading was given")
    return target.loading


def _overloadable(target: Target) -> Target:
    if target.overloadable is None:
        raise Skipped("no server with a short queue was given")
    return target.overloadable


@check("loading.rest", "OIP REST, Server Live, Server Ready, Model Ready")
def loading_rest(target: Target) -> None:
    """The server is live and not ready; a request is refused with Retry-After."""
    server = _loading(target)
    expect(server.http.get("/v2/health/live").status_code == 200, "a server that loads is not live")
    for path in ("/v2/health/ready", f"/v2/models/{server.model}/ready"):
        status = server.http.get(path).status_code
        expect(status == 503, f"GET {path} of a server that loads answered {status}; expected 503")
    response = server.post({"inputs": [{"name": "x", "datatype": "BYTES", "shape": [1], "data": ["x"]}]})
    refused(response, 503)
    expect(response.headers.get("retry-after", "").isdigit(), "503 has no Retry-After in seconds")


@check("loading.grpc", "OIP gRPC, ServerReady; gRPC, Status codes: UNAVAILABLE")
def loading_rpc(target: Target) -> None:
    server = _loading(target)
    expect(call(server, "ServerLive").live, "a server that loads is not live")
    expect(not call(server, "ServerReady").ready, "a server that loads says that it is ready")
    expect(not call(server, "ModelReady", name=server.model).ready, "a model that loads says that it is ready")
    asked = method(server, "ModelInfer", PB["ModelInferResponse"])
    request = PB["ModelInferRequest"](model_name=server.model)
    request.inputs.add(name="x", datatype="BYTES", shape=[1]).contents.bytes_contents.append(b"x")
    refused_rpc(lambda: asked(request, timeout=server.timeout), grpc.StatusCode.UNAVAILABLE)


@check("loading.health", "grpc.health.v1, Check: NOT_SERVING")
def loading_health(target: Target) -> None:
    status = health(_loading(target))
    expect(status == NOT_SERVING, f"the status of a server that loads is {status}, not NOT_SERVING")


@check("loading.index", "Model repository extension, Index", "model_repository")
def loading_index(target: Target) -> None:
    server = _loading(target)
    for body, wanted in ((b"", ["LOADING"]), (b'{"ready": true}', [])):
        states = [entry["state"] for entry in server.send(body, path="/v2/repository/index").json()]
        expect(states == wanted, f"the index of a server that loads has the states {states}, not {wanted}")


CLIENTS = 48


@check("overload.rest", "RFC 6585 4; RFC 9110 10.2.3, Retry-After")
def overload_rest(target: Target) -> None:
    """Of many requests at once each is answered, or refused with 429 or 503 and when to come again."""
    server = _overloadable(target)
    texts = [f"{text} {number}" for number in range(60) for text in server.texts]
    with ThreadPoolExecutor(CLIENTS) as pool:
        responses = list(pool.map(lambda _: server.post(server.document(texts)), range(CLIENTS)))
    turned_away = [response for response in responses if response.status_code != 200]
    for response in turned_away:
        refused(response, 429, 503)
        expect(response.headers.get("retry-after", "").isdigit(), "a refusal has no Retry-After in seconds")
    expect(len(turned_away) < CLIENTS, "none of the requests was answered")
    expect(turned_away, f"{CLIENTS} requests at once did not overload the server: its queue is not short")
    read(server.post(server.document()))


@check("overload.grpc", "gRPC, Status codes: RESOURCE_EXHAUSTED")
def overload_rpc(target: Target) -> None:
    server = _overloadable(target)
    asked = method(server, "ModelInfer", PB["ModelInferResponse"])
    texts = [f"{text} {number}" for number in range(60) for text in server.texts]
    calls = [asked.future(infer_request(server, texts), timeout=server.timeout) for _ in range(CLIENTS)]
    codes = [one.code() for one in calls]
    allowed = {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE}
    expect(set(codes) <= allowed, f"calls ended with {sorted({code.name for code in codes})}")
    expect(grpc.StatusCode.OK in codes, "none of the calls was answered")
    expect(set(codes) != {grpc.StatusCode.OK}, f"{CLIENTS} calls at once did not overload the server")
    call(server, "ServerReady")
