"""The model repository extension: its index, over REST and gRPC."""

import grpc

from conformance.calls import call, method
from conformance.calls import refused as refused_rpc
from conformance.check import PRACTICE, PROTOCOL, expect, group, shorten
from conformance.protos import PB
from conformance.target import Target
from conformance.tensors import refused

check = group("Model repository", PROTOCOL)
STATES = {"UNKNOWN", "READY", "UNAVAILABLE", "LOADING", "UNLOADING"}
SECTION = "Model repository extension, Index"


@check("repository.index", SECTION, "model_repository")
def index(target: Target) -> None:
    """With no body, an empty object and `ready`, the served model is among the entries."""
    for body in (b"", b"{}", b'{"ready": true}', b'{"ready": false}'):
        response = target.send(body, path="/v2/repository/index")
        expect(response.status_code == 200, f"{body!r} answered {response.status_code} {shorten(response.text)}")
        entries = [entry for entry in response.json() if entry["name"] == target.model]
        expect(entries, f"the index does not name {target.model!r}: {shorten(response.json())}")
        expect(entries[0].get("state") in STATES, f"state is {shorten(entries[0].get('state'))}")
        expect(entries[0]["state"] == "READY", f"a model that answers has the state {entries[0]['state']!r}")


@check("repository.index.bad-body", SECTION, "model_repository", basis=PRACTICE)
def bad_body(target: Target) -> None:
    for body in (b"{", b"[]", b'{"ready": "yes"}'):
        refused(target.send(body, path="/v2/repository/index"), 400)


@check("repository.index.grpc", SECTION, "model_repository")
def index_rpc(target: Target) -> None:
    rest = {entry["name"]: entry for entry in target.send(b"", path="/v2/repository/index").json()}
    for ready in (False, True):
        models = call(target, "RepositoryIndex", ready=ready).models
        expect([model.name for model in models] == list(rest), f"gRPC names {[model.name for model in models]}")
        for model in models:
            entry = rest[model.name]
            expect((model.version, model.state) == (entry["version"], entry["state"]), f"REST {entry}, gRPC {model}")


@check("repository.load-unknown", "Model repository extension, Load", "model_repository", basis=PRACTICE)
def load_unknown(target: Target) -> None:
    """A model that does not exist cannot be loaded; a server that loads none at all says UNIMPLEMENTED."""
    codes = grpc.StatusCode
    asked = method(target, "RepositoryModelLoad", PB["ServerLiveResponse"])
    request = PB["RepositoryModelLoadRequest"](model_name="no-such-model")
    refused_rpc(
        lambda: asked(request, timeout=target.timeout), codes.NOT_FOUND, codes.INVALID_ARGUMENT, codes.UNIMPLEMENTED
    )
