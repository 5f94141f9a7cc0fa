"""Requests of V2 that are nearly right: bodies with their headers, and messages."""

import gzip
import random
import zlib
from dataclasses import dataclass, field
from typing import Any

from conformance.protos import PB
from conformance.target import LENGTH_HEADER, pack

from fuzz.mutations import change, damage, dump

_TEXTS = ("a wonderful film", "dull", "Fünf Sterne 🎬", "the plot " * 30, "", " ")
_OUTPUTS = ("label", "confidence", "probabilities", "prediction_id", "tokens", "truncated", "attributions")


@dataclass
class Body:
    """A body of `infer` and its headers."""

    raw: bytes
    headers: dict[str, str] = field(default_factory=dict)


def _document(rng: random.Random, texts: list[str], tensor: dict[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = {
        "id": "fuzz",
        "inputs": [{"name": "text", "datatype": "BYTES", "shape": [len(texts)], **tensor}],
        "parameters": {"truncation": rng.choice(["head", "head_tail", "window", "error"])},
        "outputs": [
            {"name": name, "parameters": {"binary_data": rng.random() < 0.5}} for name in rng.sample(_OUTPUTS[:6], 2)
        ],
    }
    if rng.random() < 0.2:
        document["outputs"] = [{"name": "probabilities", "parameters": {"classification": rng.randint(0, 3)}}]
    for key in rng.sample(["id", "parameters", "outputs"], rng.randrange(4)):
        del document[key]
    return document


def make_body(rng: random.Random) -> Body:
    """A JSON or binary body in which something is wrong, most of the time."""
    texts = [rng.choice(_TEXTS[:4] if rng.random() < 0.9 else _TEXTS) for _ in range(rng.randint(1, 3))]
    if rng.random() < 0.5:
        document = _document(rng, texts, {"data": texts})
        body = Body(dump(change(rng, document) if rng.random() < 0.8 else document))
    else:
        raw = pack(texts)
        raw = damage(rng, raw) if rng.random() < 0.5 else raw
        document = _document(rng, texts, {"parameters": {"binary_data_size": len(raw)}})
        head = dump(change(rng, document) if rng.random() < 0.4 else document)
        length = len(head) if rng.random() < 0.8 else rng.choice([0, -1, len(head) + 1, "x", len(head) // 2, 10**20])
        body = Body(head + raw, {LENGTH_HEADER: str(length)})
    if rng.random() < 0.3:
        body.raw = damage(rng, body.raw)
    return body


def compress(rng: random.Random, body: Body) -> Body:
    """The body in a content coding, now and then damaged or misnamed."""
    coding = rng.choice(["gzip", "deflate", "br", "gzip, deflate", "identity"])
    raw = {"gzip": gzip.compress, "deflate": zlib.compress}.get(coding, bytes)(body.raw)
    raw = damage(rng, raw) if rng.random() < 0.3 else raw
    return Body(raw, body.headers | {"Content-Encoding": coding})


def make_message(rng: random.Random) -> bytes:
    """A ModelInferRequest as bytes, its fields changed, its bytes damaged, or both."""
    texts = [rng.choice(_TEXTS).encode() for _ in range(rng.randint(1, 3))]
    request = PB["ModelInferRequest"](model_name=rng.choice(["sentiment"] * 9 + ["x"]), id="fuzz")
    name, datatype = rng.choice(["text"] * 9 + ["x"]), rng.choice(["BYTES"] * 9 + ["FP32"])
    shape = rng.choice([[len(texts)]] * 6 + [[-1], [], [2**62], [1, 1]])
    tensor = request.inputs.add(name=name, datatype=datatype, shape=shape)
    way = rng.randrange(10)  # typed, raw, both or neither
    if way < 5 or way == 8:
        tensor.contents.bytes_contents.extend(damage(rng, text) if rng.random() < 0.2 else text for text in texts)
    if 5 <= way < 9:
        raw = pack(texts)
        request.raw_input_contents.append(damage(rng, raw) if rng.random() < 0.5 else raw)
    for output in rng.sample(_OUTPUTS, rng.randrange(3)):
        request.outputs.add(name=output)
    if request.outputs and rng.random() < 0.3:
        request.outputs[0].parameters["classification"].int64_param = rng.randint(-1, 3)
    if rng.random() < 0.3:
        request.parameters["truncation"].string_param = rng.choice(["head", "window", "error", "tail", ""])
    if rng.random() < 0.1:
        request.parameters[rng.choice(["", "explain", "top_k", "é🎬"])].bool_param = True
    message = request.SerializeToString(deterministic=True)  # maps have no defined order
    return damage(rng, message) if rng.random() < 0.3 else bytes(message)
