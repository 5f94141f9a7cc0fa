"""REST: liveness, readiness, metadata, versions."""

from conformance.check import PRACTICE, PROTOCOL, Skipped, expect, group, shorten
from conformance.target import Target
from conformance.tensors import DATATYPES, read, refused, same

check = group("REST: health and metadata", PROTOCOL)


@check("rest.live", "OIP REST, Server Live")
def live(target: Target) -> None:
    status = target.http.get("/v2/health/live").status_code
    expect(status == 200, f"GET /v2/health/live answered {status}")


@check("rest.ready", "OIP REST, Server Ready")
def ready(target: Target) -> None:
    status = target.http.get("/v2/health/ready").status_code
    expect(status == 200, f"GET /v2/health/ready answered {status}")


@check("rest.model-ready", "OIP REST, Model Ready")
def model_ready(target: Target) -> None:
    status = target.http.get(f"/v2/models/{target.model}/ready").status_code
    expect(status == 200, f"GET /v2/models/{target.model}/ready answered {status}")


@check("rest.model-ready.unknown", "OIP REST, Model Ready", basis=PRACTICE)
def unknown_ready(target: Target) -> None:
    refused(target.http.get("/v2/models/no-such-model/ready"), 404)


@check("rest.server-metadata", "OIP REST, Server Metadata")
def server_metadata(target: Target) -> None:
    response = target.http.get("/v2")
    expect(response.status_code == 200, f"GET /v2 answered {response.status_code}")
    metadata = response.json()
    for field in ("name", "version"):
        expect(isinstance(metadata.get(field), str), f"{field} is {shorten(metadata.get(field))}; expected a string")
    extensions = metadata.get("extensions")
    strings = isinstance(extensions, list) and all(isinstance(one, str) for one in extensions)
    expect(strings, f"extensions is {shorten(extensions)}; expected a list of strings")


@check("rest.model-metadata", "OIP REST, Model Metadata")
def model_metadata(target: Target) -> None:
    response = target.http.get(f"/v2/models/{target.model}")
    expect(response.status_code == 200, f"answered {response.status_code}")
    metadata = response.json()
    expect(metadata.get("name") == target.model, f"name is {shorten(metadata.get('name'))}")
    expect(
        isinstance(metadata.get("platform"), str), f"platform is {shorten(metadata.get('platform'))}; expected a string"
    )
    for field in ("inputs", "outputs"):
        expect(isinstance(metadata.get(field), list) and metadata[field], f"{field} is {shorten(metadata.get(field))}")
        for tensor in metadata[field]:
            expect(isinstance(tensor.get("name"), str), f"a tensor of {field} has no name: {shorten(tensor)}")
            expect(tensor.get("datatype") in DATATYPES, f"{tensor['name']!r}: datatype {tensor.get('datatype')!r}")
            whole = isinstance(tensor.get("shape"), list) and all(
                isinstance(size, int) and size >= -1 for size in tensor["shape"]
            )
            expect(whole, f"{tensor['name']!r}: shape {shorten(tensor.get('shape'))}")


@check("rest.model-metadata.unknown", "OIP REST, Model Metadata")
def unknown_metadata(target: Target) -> None:
    refused(target.http.get("/v2/models/no-such-model"), 404, 400)


def _versions(target: Target) -> list[str]:
    if not target.versions:
        raise Skipped("the model's metadata lists no versions")
    return target.versions


@check("rest.versions", "OIP REST, paths with versions/${MODEL_VERSION}")
def versions(target: Target) -> None:
    plain = read(target.post(target.document()))[1]
    for version in _versions(target):
        path = f"/v2/models/{target.model}/versions/{version}"
        for get in (path, f"{path}/ready"):
            status = target.http.get(get).status_code
            expect(status == 200, f"GET {get} answered {status}")
        head, values = read(target.post(target.document(), path=f"{path}/infer"))
        expect(head.get("model_version") == version, f"model_version is {shorten(head.get('model_version'))}")
        if len(target.versions) == 1 and not any("id" in name for name in values):
            same(plain, values)


@check("rest.versions.unknown", "OIP REST, paths with versions/${MODEL_VERSION}")
def unknown_version(target: Target) -> None:
    _versions(target)
    path = f"/v2/models/{target.model}/versions/no-such-version"
    for get in (path, f"{path}/ready"):
        refused(target.http.get(get), 404)
    refused(target.post(target.document(), path=f"{path}/infer"), 404)


@check("rest.unknown-path", "OIP REST, errors; RFC 9110 15.5.5", basis=PRACTICE)
def unknown_path(target: Target) -> None:
    refused(target.http.get("/v2/no-such-path"), 404)


@check("rest.wrong-method", "RFC 9110 15.5.6", basis=PRACTICE)
def wrong_method(target: Target) -> None:
    response = target.http.get(target.path)
    refused(response, 405)
    expect("POST" in response.headers.get("allow", ""), f"the Allow header is {response.headers.get('allow')!r}")
