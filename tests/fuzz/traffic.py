"""A running server: bodies, paths, headers and messages that are nearly right, from several clients at once."""

import asyncio
import random
import time
from collections import Counter
from typing import Any
from urllib.parse import quote

import grpc
import httpx
from conformance.protos import PB
from conformance.target import LENGTH_HEADER

from fuzz.inputs import Body, compress, make_body, make_message
from fuzz.mutations import damage, dump, some_value

CLIENTS = 8
_PATHS = ("/v2/models/sentiment/infer",) * 12 + (
    "/v1/models/sentiment:predict",
    "/predict",
    "/feedback",
    "/v2/repository/index",
    "/v2/models/sentiment/versions/1/infer",
    "/v2/models/sentiment",
    "/v2",
    "/health",
    "/openapi.json",
)
_METHODS = ("POST",) * 40 + ("GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH")
_TYPES = (None, "application/json", "application/octet-stream", "text/plain", "x", "multipart/form-data")
# What may refuse a call that is the client's own mistake, or the client's leaving.
_CODES = {
    "OK",
    "INVALID_ARGUMENT",
    "NOT_FOUND",
    "RESOURCE_EXHAUSTED",
    "UNIMPLEMENTED",
    "DEADLINE_EXCEEDED",
    "CANCELLED",
}


def make_request(rng: random.Random) -> tuple[str, str, dict[str, str], bytes]:
    """Method, path, headers and body."""
    method, path = rng.choice(_METHODS), rng.choice(_PATHS)
    if rng.random() < 0.1:
        path = "/" + quote(damage(rng, path[1:].encode()), safe="/:%")
    body = make_body(rng)
    if not path.endswith("infer") and rng.random() < 0.7:
        body = Body(dump({rng.choice(["text", "instances", "ready", "label", "prediction_id"]): some_value(rng)}))
    if rng.random() < 0.15:
        body = compress(rng, body)
    headers = body.headers | ({"Content-Type": kind} if (kind := rng.choice(_TYPES)) else {})
    if rng.random() < 0.1:
        headers["Accept-Encoding"] = rng.choice(["gzip", "gzip;q=0", ";q", "*"])
    if rng.random() < 0.05:
        headers[LENGTH_HEADER] = rng.choice(["", "-1", "x", "0", "1.5", "0x10", "7, 7", "9" * 40])
    return method, path, headers, body.raw


class Session:
    """A run's tally so far."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.statuses: Counter[str] = Counter()
        self.faults: list[str] = []
        self._next = 0

    def take(self, count: int) -> int | None:
        """The number of the next request; None when `count` were made."""
        number, self._next = self._next, self._next + 1
        return number if number < count else None

    def saw(self, number: int, status: str, fault: str = "") -> None:
        self.statuses[status] += 1
        if fault:
            self.faults.append(f"{self.seed}-{number}: {status} {fault}")


async def _ask_rest(session: Session, number: int, rng: random.Random, http: httpx.AsyncClient) -> None:
    method, path, headers, body = make_request(rng)
    try:
        response = await http.request(method, path, headers=headers, content=body)
    except httpx.HTTPError as error:  # a connection that the server broke
        session.saw(number, type(error).__name__, f"{method} {path}")
        return
    status = response.status_code
    wrong = f"{method} {path}: {response.text[:200]}" if status >= 500 else ""
    if 400 <= status < 500 and method != "HEAD" and "error" not in response.text:
        wrong = f"{method} {path}: no error in {response.text[:200]!r}"
    session.saw(number, str(status), wrong)


async def _ask_rpc(session: Session, number: int, rng: random.Random, channel: Any) -> None:
    call = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer", bytes, PB["ModelInferResponse"].FromString)
    message = make_message(rng)
    try:
        await call(message, timeout=60)
        session.saw(number, "OK")
    except grpc.RpcError as error:
        code = error.code().name
        session.saw(number, code, "" if code in _CODES else f"ModelInfer: {error.details()}")


async def _client(session: Session, count: int, http: httpx.AsyncClient, channel: Any) -> None:
    while (number := session.take(count)) is not None:
        rng = random.Random(f"{session.seed}-{number}")
        if channel is not None and rng.random() < 0.3:
            await _ask_rpc(session, number, rng, channel)
        else:
            await _ask_rest(session, number, rng, http)


async def fuzz_server(rest: str, address: str | None, count: int, seed: int) -> dict[str, Any]:
    """Make `count` requests. How often each status was answered, and each answer that is the server's fault."""
    session, started = Session(seed), time.perf_counter()
    channel = grpc.aio.insecure_channel(address) if address else None
    async with httpx.AsyncClient(base_url=rest, trust_env=False, timeout=60) as http:
        await asyncio.gather(*(_client(session, count, http, channel) for _ in range(CLIENTS)))
        alive = (await http.get("/v2/health/ready")).status_code == 200
    if channel is not None:
        await channel.close()
    seconds = round(time.perf_counter() - started, 1)
    statuses = dict(sorted(session.statuses.items()))
    return {"requests": count, "statuses": statuses, "faults": session.faults, "ready": alive, "seconds": seconds}
