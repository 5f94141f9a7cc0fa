"""The methods of the protocol's service as gRPC handlers.

A message that is not a protobuf is the client's mistake. Generated handlers leave it to gRPC, which answers INTERNAL: a
code that clients retry and alerts count.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from model_server.access.keys import Key
from model_server.errors import InvalidInput, ServingError
from model_server.phases import Phases
from model_server.rpc.inbox import Inbox, Lane
from model_server.rpc.messages import SERVICE, pb
from model_server.rpc.status import ended_early, retry_metadata


@dataclass(frozen=True, slots=True)
class Attachments:
    """Facts that interceptors hand to a call's handler, as its third argument.

    Attributes:
        key: the API key that pays for the call; None where keys are off.
        phases: a list for the call's phases; None where no interceptor reads them.
    """

    key: Key | None = None
    phases: Phases | None = None


NOTHING = Attachments()
Call = Callable[[Any, Any], Awaitable[Any]]
AttachedCall = Callable[[Any, Any, Attachments], Awaitable[Any]]
Count = Callable[[str, float, Exception | None, Key | None], None]
_METHODS = [method.name for method in pb.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods]
_EMPTY = frozenset({"ServerLive", "ServerReady", "ServerMetadata"})  # their messages have no fields and are not awaited


def _answering(call: Call, request: Any) -> Any:
    async def run(_: Any, context: Any, __: Attachments = NOTHING) -> Any:
        return await call(request, context)

    return run


def unattached(call: Call) -> AttachedCall:
    """Adapt a call that needs no attachments."""

    async def run(request: Any, context: Any, _: Attachments) -> Any:
        return await call(request, context)

    return run


def reading(name: str, call: AttachedCall, read: Callable[[bytes], Any], inbox: Inbox, lane: Lane, count: Count) -> Any:
    """Return the handler of the method `name`; its message uses a place of `lane`, and memory until the call ends.

    Args:
        read: parses the message.
        count: called with the status, the start, the error and the key of a call that ends before `call` is reached.
    """
    memory = inbox.memory

    async def receive(context: Any) -> tuple[Any, int]:
        raw = await inbox.receive(context, lane)
        size = len(raw)
        memory.take(size)
        try:
            return read(raw), size
        except DecodeError:
            memory.release(size)
            raise InvalidInput(f"the message of {size} bytes is not a {name}Request") from None

    async def run(_: Any, context: Any, attached: Attachments = NOTHING) -> Any:
        started = time.perf_counter()
        try:
            request, size = await receive(context)
        except asyncio.CancelledError:
            count(ended_early(context).name, started, None, attached.key)
            raise
        except ServingError as error:
            count(error.code.name, started, error, attached.key)
            await context.abort(error.code, str(error), retry_metadata(error))
        try:
            return await call(request, context, attached)
        finally:
            memory.release(size)

    return run


def not_counted(status: str, started: float, error: Exception | None, key: Key | None) -> None:
    """Do nothing: the `count` of calls that no metric counts."""


def add_inference_service(servicer: Any, server: Any, inbox: Inbox, count: Count) -> None:
    """Add the servicer's methods, which have the protocol's names, to a server; `count` counts calls of ModelInfer."""

    def handler(name: str) -> Any:
        call, read = getattr(servicer, name), getattr(pb, f"{name}Request").FromString
        if name in _EMPTY:
            return _answering(call, read(b""))
        if name == "ModelInfer":
            return reading(name, call, read, inbox, inbox.uploads, count)
        return reading(name, unattached(call), read, inbox, inbox.questions, not_counted)

    handlers = {name: stream_unary(handler(name)) for name in _METHODS}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))


def stream_unary(handler: Any) -> Any:
    """Wrap a handler as gRPC expects it, with a stream in and one message out."""
    return grpc.stream_unary_rpc_method_handler(
        handler, request_deserializer=bytes, response_serializer=lambda response: response.SerializeToString()
    )
