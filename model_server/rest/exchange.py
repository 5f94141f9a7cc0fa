"""Bodies, answers and errors of every REST edge, and the end of work for a client that has left."""

import asyncio
import functools
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from model_server.errors import (
    ClientGone,
    DeadlineExceeded,
    InvalidInput,
    NotReceived,
    ServingError,
    TooLarge,
    UnsupportedCoding,
)
from model_server.protocol import v2
from model_server.rest import encodings
from sentiment_common.http.refusal import INTERNAL
from sentiment_common.http.request import claim, refusal

log = logging.getLogger("model_server")
T = TypeVar("T")
WATCHED_AFTER_SECONDS = 0.05
Handler = Callable[[Request], Awaitable[Response]]


def json_response(document: object, status: int = 200) -> Response:
    return Response(orjson.dumps(document), status, media_type="application/json")


def error_response(error: Exception) -> Response:
    """Answer `{"error": "..."}` with the error's status; an unexpected error is logged and answered with 500."""
    if not isinstance(error, ServingError):
        log.exception("a request failed", exc_info=error)
        return json_response({"error": INTERNAL}, 500)
    response = json_response({"error": str(error)}, error.status)
    if isinstance(error, UnsupportedCoding):
        response.headers["Accept-Encoding"] = "gzip, deflate"
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


async def read_body(request: Request, limit: int, deadline: float | None = None) -> bytes:
    """Return the body without its content coding, with at most `limit` bytes of it in memory.

    Raises:
        TooLarge: the body is longer.
        DeadlineExceeded: the deadline passed before the body's last byte.
        NotReceived: the HTTP layer refused the rest of the body.
        InvalidInput: the connection ended before the body did, or its gzip or deflate is damaged.
        Unavailable: no memory is left to inflate the body.
        UnsupportedCoding: the body has another coding.
    """
    coding = encodings.coding_of(request.headers.get("content-encoding"))
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise TooLarge(f"the body has {declared} bytes; the limit is {limit}")
    if deadline is None:
        body = await _receive(request, limit)
    else:
        try:
            async with asyncio.timeout(max(deadline - time.monotonic(), 0)):
                body = await _receive(request, limit)
        except TimeoutError:
            raise DeadlineExceeded(
                "X-Request-Timeout passed before the body's last byte; send it faster or allow more"
            ) from None
    if coding is None:
        return body
    return await asyncio.to_thread(encodings.inflate, body, coding, limit, functools.partial(claim, request.scope))


async def _receive(request: Request, limit: int) -> bytes:
    chunks, size = [], 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit:
                raise TooLarge(f"the body has more than {limit} bytes")
            chunks.append(chunk)
    except ClientDisconnect:
        if refused := refusal(request.scope):
            raise NotReceived(refused) from None
        raise InvalidInput(f"the connection ended after {size} bytes of the body") from None
    return b"".join(chunks)


def tensors_response(request: Request, raw: bytes, json_length: int | None) -> Response:
    """Return a V2 answer. `json_length` is that of its JSON part before any coding, None without binary tensors."""
    headers = {} if json_length is None else {v2.LENGTH_HEADER: str(json_length)}
    if len(raw) >= encodings.COMPRESS_FROM_BYTES:
        headers["Vary"] = "Accept-Encoding"
        if encodings.accepts_gzip(request.headers.get("accept-encoding")):
            raw, headers["Content-Encoding"] = encodings.gzip(raw), "gzip"
    return Response(
        raw, headers=headers, media_type="application/json" if json_length is None else "application/octet-stream"
    )


async def while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Return the result of `work`, and cancel it when the client leaves, so that its texts leave the queue.

    A client is watched only once its request has waited for some time: most requests are answered before.

    Raises:
        ClientGone: the client left.
    """
    task = asyncio.current_task()
    assert task is not None  # every handler runs in one
    left: asyncio.Future[Any] | None = None
    working = True

    def gone(message: "asyncio.Future[Any]") -> None:
        if working and not message.cancelled():
            task.cancel()

    def watch() -> None:
        nonlocal left
        left = asyncio.ensure_future(request.receive())  # once the body is read, the next message is the disconnect
        left.add_done_callback(gone)

    timer = asyncio.get_running_loop().call_later(WATCHED_AFTER_SECONDS, watch)
    try:
        return await work
    except asyncio.CancelledError:
        if left is not None and left.done() and not left.cancelled() and not task.uncancel():
            raise ClientGone("the client left before its answer") from None
        raise
    finally:
        working = False
        timer.cancel()
        if left is not None:
            left.cancel()


def answering_errors(handler: Handler) -> Handler:
    """Wrap a handler, so that its errors become answers."""

    @functools.wraps(handler)
    async def run(request: Request) -> Response:
        try:
            return await handler(request)
        except Exception as error:  # every error becomes an answer here, and the last resort is a 500
            return error_response(error)

    return run
