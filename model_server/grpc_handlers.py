"""The calls of the protocol's service as gRPC handlers. A message that is no protobuf is the client's mistake.

Generated handlers leave that to gRPC, which answers INTERNAL: a code that clients try again and alerts count.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from model_server.errors import ServingError
from model_server.grpc_guard import retry_metadata
from model_server.grpc_inbox import Inbox
from model_server.inference_proto import SERVICE, ModelInferRequest, RepositoryIndexRequest, pb, read_named

Call = Callable[[Any, Any], Awaitable[Any]]
_METHODS = [method.name for method in pb.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods]
# Method → what reads its message.
_READERS: dict[str, Callable[[bytes], Any]] = {
    **{name: getattr(pb, f"{name}Request").FromString for name in _METHODS},
    "ModelInfer": ModelInferRequest.FromString,
    "RepositoryIndex": RepositoryIndexRequest.FromString,
    "RepositoryModelLoad": read_named("RepositoryModelLoadRequest"),
    "RepositoryModelUnload": read_named("RepositoryModelUnloadRequest"),
}


def _reading(name: str, call: Call, read: Callable[[bytes], Any], inbox: Inbox) -> Call:
    async def run(_: Any, context: Any) -> Any:
        try:
            raw = await inbox.receive(context)
            request = read(raw)
        except ServingError as error:
            await context.abort(error.code, str(error), retry_metadata(error))
        except DecodeError:
            said = f"the message of {len(raw)} bytes is not a {name}Request"
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, said)
        return await call(request, context)

    return run


def add_inference_service(servicer: Any, server: Any, inbox: Inbox) -> None:
    """Serve the servicer's methods, which have the protocol's names."""
    handlers = {
        name: grpc.stream_unary_rpc_method_handler(
            _reading(name, getattr(servicer, name), read, inbox),
            request_deserializer=bytes,
            response_serializer=lambda response: response.SerializeToString(),
        )
        for name, read in _READERS.items()
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
