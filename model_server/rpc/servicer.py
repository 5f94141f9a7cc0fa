"""The methods of the gRPC service, and the server that they run in."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import grpc

from model_server.about import EXTENSIONS, NAME, version
from model_server.access.keys import Key
from model_server.errors import InvalidInput, ServingError, Unavailable
from model_server.inference.types import Call
from model_server.lifecycle.state import ServerState
from model_server.lifecycle.switch import ReleaseSwitch
from model_server.protocol.classification import make_outputs, read_classes
from model_server.protocol.parameters import check_content_type, parse_options
from model_server.protocol.repository import RELEASE, model_index, wanted_release
from model_server.protocol.tensors import (
    INPUT,
    check_input,
    check_outputs,
    decode_text,
    output_types,
    unpack_texts,
    with_attributions,
)
from model_server.rpc.handlers import Attachments, add_inference_service
from model_server.rpc.inbox import Inbox
from model_server.rpc.keys import KeyInterceptor
from model_server.rpc.messages import PARAMETER_KINDS, pb
from model_server.rpc.options import channel_options
from model_server.rpc.standard import add_standard_services
from model_server.rpc.status import ended_early, retry_metadata
from sentiment_common.client_address import grpc_client_address
from sentiment_common.http.refusal import INTERNAL

log = logging.getLogger("model_server")
Context = Any  # grpc.aio.ServicerContext, generic in types that its stubs do not export


def _parameters(parameters: Any, where: str = "parameters") -> dict[str, Any]:
    """Return a map of InferParameter as plain values; raise InvalidInput for an empty one, or one of a later kind."""
    values = {}
    for name, parameter in parameters.items():
        if (kind := parameter.WhichOneof("parameter_choice")) is None:
            raise InvalidInput(f"{where}.{name} has no value; set one of {', '.join(PARAMETER_KINDS)}")
        values[name] = getattr(parameter, kind)
    return values


def read_texts(request: Any) -> list[str]:
    """Return the texts of a ModelInferRequest, from raw or typed contents; raise InvalidInput that names the field."""
    if len(request.inputs) != 1:
        raise InvalidInput(f"inputs holds {len(request.inputs)} tensors; send the one tensor 'text'")
    tensor = request.inputs[0]
    count = check_input(tensor.name, tensor.datatype, list(tensor.shape))
    where = "inputs[0].parameters"
    check_content_type(_parameters(tensor.parameters, where), where)
    typed = tensor.contents.bytes_contents
    filled = [described.name for described, _ in tensor.contents.ListFields()]
    if other := [name for name in filled if name != "bytes_contents"]:
        raise InvalidInput(f"inputs[0].contents.{other[0]} is filled; send BYTES in bytes_contents only")
    if request.raw_input_contents:
        if typed:
            raise InvalidInput("inputs[0] has both contents and raw_input_contents; send one of them")
        if len(request.raw_input_contents) != 1:
            raise InvalidInput(f"raw_input_contents holds {len(request.raw_input_contents)} tensors, inputs holds 1")
        return unpack_texts(request.raw_input_contents[0], count, "raw_input_contents[0]")
    if len(typed) != count:
        raise InvalidInput(f"inputs[0].shape promises {count} texts, contents.bytes_contents holds {len(typed)}")
    return [decode_text(raw, f"inputs[0].contents.bytes_contents[{index}]") for index, raw in enumerate(typed)]


def _fill(response: Any, names: tuple[str, ...], classes: dict[str, int], predictions: Any) -> None:
    """Add the outputs as raw contents, as Triton and KServe send them."""
    for output in make_outputs(names, classes, predictions):
        response.outputs.add(name=output.name, datatype=output.datatype, shape=output.shape)
        response.raw_output_contents.append(output.binary())


class Servicer:
    """`inference.GRPCInferenceService` of one server state and the switch of its release."""

    def __init__(self, state: ServerState, switch: ReleaseSwitch) -> None:
        self._state, self._switch = state, switch

    @asynccontextmanager
    async def _answering(
        self, context: Context, route: str | None = None, key: Key | None = None
    ) -> AsyncIterator[None]:
        """Turn errors into status codes, and count the call if it has a route."""
        started = time.perf_counter()
        error: Exception | None = None
        code, message = grpc.StatusCode.OK, ""
        try:
            yield
        except asyncio.CancelledError:
            if route:
                self._state.finished(route, ended_early(context).name, started, None, key)
            raise
        except ServingError as caught:
            error, code, message = caught, caught.code, str(caught)
        except Exception as caught:  # as in `rest.counted`: the last resort is INTERNAL
            log.exception("a call failed")
            error, code, message = caught, grpc.StatusCode.INTERNAL, INTERNAL
        if route:
            self._state.finished(route, code.name, started, error, key)
        if error is not None:
            await context.abort(code, message, retry_metadata(error))

    async def ServerLive(self, request: Any, context: Context) -> Any:  # noqa: N802
        return pb.ServerLiveResponse(live=True)

    async def ServerReady(self, request: Any, context: Context) -> Any:  # noqa: N802
        return pb.ServerReadyResponse(ready=self._state.ready)

    async def ModelReady(self, request: Any, context: Context) -> Any:  # noqa: N802
        async with self._answering(context):
            self._state.check(request.name, request.version)
            return pb.ModelReadyResponse(ready=self._state.ready)

    async def ServerMetadata(self, request: Any, context: Context) -> Any:  # noqa: N802
        return pb.ServerMetadataResponse(name=NAME, version=version(), extensions=list(EXTENSIONS))

    async def ModelMetadata(self, request: Any, context: Context) -> Any:  # noqa: N802
        async with self._answering(context):
            state = self._state
            state.check(request.name, request.version)
            versions = [state.version] if state.version else []
            response = pb.ModelMetadataResponse(name=state.name, versions=versions, platform="openvino")
            response.inputs.add(**INPUT)
            for described in output_types():
                response.outputs.add(**described)
            return response

    async def ModelInfer(self, request: Any, context: Context, attached: Attachments) -> Any:  # noqa: N802
        async with self._answering(context, "v2-grpc", attached.key):
            if self._state.closing:
                raise Unavailable("the server is stopping; ask another replica")
            service = self._state.service(request.model_name, request.model_version)
            texts = read_texts(request)
            names = check_outputs([output.name for output in request.outputs])
            classes = read_classes(
                (output.name, _parameters(output.parameters, f"outputs[{index}].parameters"))
                for index, output in enumerate(request.outputs)
            )
            names, options = with_attributions(names, parse_options(_parameters(request.parameters)))
            client, deadline = grpc_client_address(context.peer()), _deadline(context)
            call = Call("v2-grpc", client, options, deadline, attached.key, attached.phases)
            predictions = await service.predict(texts, call)
            response = pb.ModelInferResponse(
                model_name=request.model_name, model_version=service.scorer.release_id, id=request.id
            )
            _fill(response, names, classes, predictions)
            return response

    async def RepositoryIndex(self, request: Any, context: Context) -> Any:  # noqa: N802
        async with self._answering(context):
            entries = model_index(
                self._state.name,
                self._state.version,
                self._state.phase,
                ready=request.ready,
                repository=request.repository_name,
            )
            return pb.RepositoryIndexResponse(models=entries)

    async def RepositoryModelLoad(self, request: Any, context: Context) -> Any:  # noqa: N802
        """Load the release that the call's metadata names: KServe's message has no field for it."""
        async with self._answering(context):
            release = dict(context.invocation_metadata() or ()).get(RELEASE)
            name = model_name_in(request)
            await self._switch.load(name, wanted_release({"parameters": {RELEASE: release}}))
            return pb.RepositoryModelLoadResponse(model_name=name, isLoaded=True)

    async def RepositoryModelUnload(self, request: Any, context: Context) -> Any:  # noqa: N802
        async with self._answering(context):
            name = model_name_in(request)
            await self._switch.unload(name)
            return pb.RepositoryModelUnloadResponse(model_name=name, isUnloaded=True)


def model_name_in(request: Any) -> str:
    """Return the model's name from a load or unload, which KServe and Triton put into different fields."""
    name: str = request.triton_model_name or request.model_name
    return name


def _deadline(context: Context) -> float | None:
    """Return the call's deadline in monotonic seconds."""
    left = context.time_remaining()
    return None if left is None else time.monotonic() + left


def make_grpc_server(state: ServerState, switch: ReleaseSwitch, inbox: Inbox, interceptors: Sequence[Any] = ()) -> Any:
    """Build a grpc.aio server with the servicer behind these interceptors, and no port bound yet."""
    guards = [KeyInterceptor(state.guard)] if state.guard else []
    server = grpc.aio.server(
        options=channel_options(state.settings),
        interceptors=[*interceptors, *guards],
        maximum_concurrent_rpcs=state.settings.grpc_max_calls,
    )
    add_inference_service(Servicer(state, switch), server, inbox, partial(state.finished, "v2-grpc"))
    add_standard_services(server, state, inbox)
    return server
