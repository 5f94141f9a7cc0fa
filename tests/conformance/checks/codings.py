"""REST: compressed bodies, both ways, and what must not be inflated."""

import gzip
import json
import zlib

from conformance.check import PRACTICE, Skipped, expect, group
from conformance.target import Target, pack
from conformance.tensors import Values, read, refused, same

check = group("REST: content codings", PRACTICE)
SECTION = "RFC 9110 8.4, Content-Encoding"
_DO = {"gzip": gzip.compress, "deflate": zlib.compress}


def _stable(values: Values) -> Values:
    return {name: value for name, value in values.items() if not name.endswith("id")}


def _same(target: Target, body: bytes, headers: dict[str, str]) -> None:
    same(_stable(read(target.send(body, headers))[1]), _stable(read(target.post(target.document()))[1]))


@check("codings.gzip", SECTION)
def gzip_body(target: Target) -> None:
    _same(target, gzip.compress(json.dumps(target.document()).encode()), {"Content-Encoding": "gzip"})


@check("codings.deflate", SECTION)
def deflate_body(target: Target) -> None:
    _same(target, zlib.compress(json.dumps(target.document()).encode()), {"Content-Encoding": "deflate"})


@check("codings.gzip-members", "RFC 1952 2.2: a gzip file may have several members")
def gzip_members(target: Target) -> None:
    raw = json.dumps(target.document()).encode()
    body = gzip.compress(raw[:20]) + gzip.compress(raw[20:])
    _same(target, body, {"Content-Encoding": "gzip"})


@check("codings.bare-deflate", "RFC 9110 8.4.1.2: some clients send deflate without zlib's form")
def bare_deflate(target: Target) -> None:
    body = zlib.compress(json.dumps(target.document()).encode(), wbits=-zlib.MAX_WBITS)
    _same(target, body, {"Content-Encoding": "deflate"})


@check("codings.identity", SECTION)
def identity_body(target: Target) -> None:
    _same(target, json.dumps(target.document()).encode(), {"Content-Encoding": "identity"})


@check("codings.binary-tensors", "Binary tensor data extension; RFC 9110 8.4", "binary_tensor_data")
def binary_body(target: Target) -> None:
    """Inference-Header-Content-Length is of the JSON before it is compressed."""
    body, headers = target.binary(pack(target.texts), len(target.texts))
    for coding, compress in _DO.items():
        _same(target, compress(body), headers | {"Content-Encoding": coding})


@check("codings.answer", "RFC 9110 12.5.3, Accept-Encoding")
def answer(target: Target) -> None:
    """A client that takes gzip and deflate gets the same answer, whether the server compresses it or not."""
    texts = [f"{target.texts[0]} {number}" for number in range(200)]
    binary = [{"parameters": {"binary_data_output": True}}] if "binary_tensor_data" in target.extensions else []
    for other in ({}, *binary):
        document = target.document(texts, **other)
        plain = target.post(document)
        packed = target.post(document, headers={"Accept-Encoding": "gzip, deflate"})
        same(_stable(read(plain)[1]), _stable(read(packed)[1]))
        expect("content-encoding" not in plain.headers, "an answer is compressed although no coding was requested")


@check("codings.unknown", "RFC 9110 15.5.16")
def unknown(target: Target) -> None:
    body = json.dumps(target.document()).encode()
    for coding in ("br", "zstd", "nonsense", "gzip, gzip"):
        refused(target.send(body, {"Content-Encoding": coding}), 415, 400)


@check("codings.damaged", SECTION)
def damaged(target: Target) -> None:
    plain = json.dumps(target.document()).encode()
    for coding, compress in _DO.items():
        good = compress(plain)
        for body in (b"", plain, good[:-9], good[: len(good) // 2], good[:-6] + b"\0\0\0\0\0\0", b"\x1f\x8b" + plain):
            refused(target.send(body, {"Content-Encoding": coding}), 400)


@check("codings.bomb", "RFC 9110 15.5.14; a body's limit holds for what it inflates to")
def bomb(target: Target) -> None:
    """A small body that inflates to many times the limit is refused without being inflated."""
    if target.max_body_bytes is None:
        raise Skipped("the limit of a body is not known")
    text = b" " * (20 * target.max_body_bytes)
    for coding, compress in _DO.items():
        refused(target.send(compress(text), {"Content-Encoding": coding}), 413)
    _same(target, json.dumps(target.document()).encode(), {})
