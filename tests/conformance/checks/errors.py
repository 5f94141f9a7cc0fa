"""REST: a client's mistake is a 4xx with `{"error": "..."}`, and the server answers on."""

import json

from conformance.check import PRACTICE, PROTOCOL, Skipped, expect, group
from conformance.target import Target
from conformance.tensors import read, read_or_refused, refused

check = group("REST: errors", PROTOCOL)
ERROR, REQUEST = "OIP REST, Inference Response JSON Error Object", "OIP REST, Inference Request"


@check("errors.not-json", ERROR)
def not_json(target: Target) -> None:
    for body in (b"", b"{", b"a text", b"\xff\xfe\x00", b"\x00" * 100, b'{"inputs": [}', b"text=a+film", b"{} {}"):
        refused(target.send(body), 400)


@check("errors.no-object", ERROR)
def no_object(target: Target) -> None:
    for body in (b"[]", b'["a"]', b"null", b"7", b'"text"', b"true"):
        refused(target.send(body), 400)


@check("errors.deep-json", ERROR, basis=PRACTICE)
def deep_json(target: Target) -> None:
    for body in (b"[" * 100_000, b'{"a":' * 100_000, b'{"inputs": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"):
        refused(target.send(body), 400)


@check("errors.numbers-json-lacks", ERROR, basis=PRACTICE)
def lacking_numbers(target: Target) -> None:
    good = json.dumps(target.document(["x"], parameters={"a": 0}))
    for number in ("NaN", "Infinity", "01", "1e999999", "9" * 5000):
        # Some are numbers to some readers, and a parameter may be ignored.
        read_or_refused(target.send(good.replace('"a": 0', f'"a": {number}').encode()), 400)


@check("errors.inputs.malformed", REQUEST)
def inputs_malformed(target: Target) -> None:
    for document in ({}, {"inputs": None}, {"inputs": {}}, {"inputs": "a"}, {"inputs": [7]}, {"inputs": [None]}):
        refused(target.post(document), 400)


@check("errors.inputs.none", REQUEST, basis=PRACTICE)
def inputs_none(target: Target) -> None:
    refused(target.post({"inputs": []}), 400)


@check("errors.inputs.too-many", REQUEST, basis=PRACTICE)
def inputs_too_many(target: Target) -> None:
    tensor = target.tensor()
    refused(target.post({"inputs": [tensor, tensor]}), 400)
    refused(target.post({"inputs": [tensor, tensor | {"name": "no-such-input"}]}), 400)


@check("errors.no-texts", REQUEST, basis=PRACTICE)
def no_texts(target: Target) -> None:
    """An empty tensor is answered with empty outputs or refused."""
    read_or_refused(target.post(target.document([])), 400)


@check("errors.unknown-model", ERROR)
def unknown_model(target: Target) -> None:
    refused(target.post(target.document(), path="/v2/models/no-such-model/infer"), 404, 400)


@check("errors.unknown-model.odd-names", ERROR, basis=PRACTICE)
def odd_names(target: Target) -> None:
    for name in ("a" * 2000, "%00", "%ff", "no such", "..%2fx"):
        refused(target.post(target.document(), path=f"/v2/models/{name}/infer"), 404, 400)


@check("errors.body-limit", "RFC 9110 15.5.14", basis=PRACTICE)
def body_limit(target: Target) -> None:
    if target.max_body_bytes is None:
        raise Skipped("the limit of a body is not known")
    refused(target.send(b" " * (target.max_body_bytes + 1)), 413)


@check("errors.body-limit.streamed", "RFC 9110 15.5.14", basis=PRACTICE)
def streamed_limit(target: Target) -> None:
    """A body without a Content-Length is measured as it comes."""
    limit = target.max_body_bytes
    if limit is None:
        raise Skipped("the limit of a body is not known")
    parts = (b" " * 65_536 for _ in range(limit // 65_536 + 2))
    refused(target.http.post(target.path, content=parts), 413)


@check("errors.size", ERROR, basis=PRACTICE)
def size(target: Target) -> None:
    """A refusal does not repeat a long name from the request at length."""
    message = refused(target.post({"inputs": [target.tensor(name="x" * 100_000)]}), 400)
    expect(len(message) < 2000, f"the message has {len(message)} characters")


@check("errors.long-text", REQUEST, basis=PRACTICE)
def long_text(target: Target) -> None:
    """A text over the model's tokens is cut and answered, or refused; never a crash."""
    read_or_refused(target.post(target.document(["a long film " * 2000])), 400, 413)


@check("errors.alive", ERROR, basis=PRACTICE)
def alive(target: Target) -> None:
    """After all that, it answers."""
    read(target.post(target.document()))
    expect(target.http.get("/v2/health/ready").status_code == 200, "the server is no longer ready")
