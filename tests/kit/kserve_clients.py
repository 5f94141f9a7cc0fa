"""Requests and clients of KServe's SDK, for tests: what its users send, and how they read the answer."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, InferResponse, RESTConfig

TEXTS = ["A warm, funny film.", "Zwei öde Stunden ✓"]


def infer_request(
    *, binary: bool, outputs: Any = None, texts: Any = TEXTS, model: str = "sentiment", **parameters: Any
) -> InferRequest:
    """The texts as KServe's users send them."""
    tensor = InferInput("text", [len(texts)], "BYTES")
    tensor.set_data_from_numpy(np.array([text.encode() for text in texts], dtype=object), binary_data=binary)
    return InferRequest(model, [tensor], request_outputs=outputs, parameters=parameters or None)


def by_rest(protocol: str, ask: Callable[[InferenceRESTClient], Awaitable[Any]]) -> Any:
    """`ask`'s result of a REST client."""

    async def run() -> Any:
        async with InferenceRESTClient(RESTConfig(protocol=protocol)) as client:
            return await ask(client)

    return asyncio.run(run())


def by_grpc(target: str, ask: Callable[[InferenceGRPCClient], Awaitable[Any]]) -> Any:
    """`ask`'s result of a gRPC client."""

    async def run() -> Any:
        async with InferenceGRPCClient(target) as client:
            return await ask(client)

    return asyncio.run(run())


def tensors(response: InferResponse) -> dict[str, list[Any]]:
    """Return the outputs' values, strings decoded, from either form."""
    values = {}
    for output in response.outputs:
        flat = output.as_numpy().ravel().tolist()
        values[output.name] = [value.decode() if isinstance(value, bytes) else value for value in flat]
    return values
