"""The codec alone: nothing but our own errors comes out of it, and what it takes it takes whole."""

import random
import time
from collections import Counter
from typing import Any

from conformance.target import LENGTH_HEADER
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb

from fuzz.inputs import compress, make_body, make_message
from fuzz.mutations import damage
from model_server.errors import ServingError
from model_server.protocol.classification import read_classes
from model_server.protocol.tensors import check_outputs, pack_bytes, unpack_texts
from model_server.protocol.v2 import InferRequest, parse_request
from model_server.rest.encodings import coding_of, inflate
from model_server.rpc.servicer import _parameters, read_texts

_LIMIT = 1_000_000


def _rest(rng: random.Random) -> None:
    body = make_body(rng)
    request = parse_request(body.raw, body.headers.get(LENGTH_HEADER))
    if not isinstance(request, InferRequest) or not all(isinstance(text, str) for text in request.texts):
        raise TypeError(f"parse_request gave {request!r}")


def _coded(rng: random.Random) -> None:
    body = compress(rng, make_body(rng))
    coding = coding_of(body.headers["Content-Encoding"])
    plain = body.raw if coding is None else inflate(body.raw, coding, _LIMIT)
    if len(plain) > _LIMIT:
        raise ValueError(f"{len(plain)} bytes came out")


def _bytes(rng: random.Random) -> None:
    raw = damage(rng, pack_bytes([rng.randbytes(rng.randrange(12)) for _ in range(rng.randrange(5))]) or b"\0")
    texts = unpack_texts(raw, rng.randrange(5))
    if pack_bytes([text.encode() for text in texts]) != raw:
        raise ValueError("what was read is not what was sent")


def _rpc(rng: random.Random) -> None:
    try:
        request = pb.ModelInferRequest.FromString(make_message(rng))
    except Exception as error:  # protobuf's own refusal, which the handler answers
        if type(error).__name__ != "DecodeError":
            raise
        return
    read_texts(request)
    check_outputs([output.name for output in request.outputs])
    read_classes((output.name, _parameters(output.parameters)) for output in request.outputs)


PARTS = {"rest": (_rest, 0.3), "bytes": (_bytes, 0.4), "rpc": (_rpc, 0.2), "coded": (_coded, 0.1)}


def fuzz_codec(count: int, seed: int) -> dict[str, Any]:
    """Try `count` inputs. What was tried and refused, and each crash with the seed that makes it again."""
    tried: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    crashes: list[str] = []
    names, weights = list(PARTS), [weight for _, weight in PARTS.values()]
    started = time.perf_counter()
    for number in range(count):
        rng = random.Random(f"{seed}-{number}")
        name = rng.choices(names, weights)[0]
        tried[name] += 1
        try:
            PARTS[name][0](rng)
        except ServingError as error:
            refused[name] += 1
            if error.status >= 500:
                crashes.append(f"{name} {seed}-{number}: {error.status} {error}")
        except Exception as error:  # anything else is a finding
            crashes.append(f"{name} {seed}-{number}: {type(error).__name__}: {error}")
    seconds = round(time.perf_counter() - started, 1)
    return {"inputs": count, "tried": dict(tried), "refused": dict(refused), "crashes": crashes, "seconds": seconds}
