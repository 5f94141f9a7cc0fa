"""tritonclient over gRPC, blocking, with callbacks and asyncio."""

import asyncio
import threading
from typing import Any

from conformance.check import PRACTICE, Skipped, expect, group
from conformance.checks.triton_http import expected, load, make_input, stable_names, values_of
from conformance.target import Target
from conformance.tensors import same

check = group("tritonclient gRPC", PRACTICE)
SECTION = "OIP gRPC, by NVIDIA's client"


def _address(target: Target) -> str:
    if not target.grpc:
        raise Skipped("no gRPC address was given")
    return target.grpc


@check("triton.grpc.health-and-metadata", SECTION)
def health(target: Target) -> None:
    client = load("tritonclient.grpc").InferenceServerClient(_address(target))
    expect(client.is_server_live(), "is_server_live is false")
    expect(client.is_server_ready(), "is_server_ready is false")
    expect(client.is_model_ready(target.model), "is_model_ready is false")
    expect(client.get_server_metadata().name, "the server has no name")
    metadata = client.get_model_metadata(target.model, as_json=True)
    expect(metadata["name"] == target.model, "the metadata is of another model")
    client.close()


@check("triton.grpc.repository-index", "Model repository extension, by NVIDIA's client", "model_repository")
def index(target: Target) -> None:
    client = load("tritonclient.grpc").InferenceServerClient(_address(target))
    names = [model.name for model in client.get_model_repository_index().models]
    client.close()
    expect(target.model in names, f"the index names {names}")


@check("triton.grpc.load-unknown", "Model repository extension, by NVIDIA's client", "model_repository")
def load_unknown(target: Target) -> None:
    """A model that does not exist is refused by its name; a server that loads none says UNIMPLEMENTED."""
    module, utils = load("tritonclient.grpc"), load("tritonclient.utils")
    client = module.InferenceServerClient(_address(target))
    try:
        client.load_model("no-such-model")
    except utils.InferenceServerException as refused:
        named = "no-such-model" in refused.message() or "UNIMPLEMENTED" in str(refused.status())
        expect(named, f"{refused.status()} does not name the model: {refused.message()!r}")
    else:
        expect(False, "a model that does not exist was loaded")
    finally:
        client.close()


@check("triton.grpc.infer", SECTION)
def infer(target: Target) -> None:
    module = load("tritonclient.grpc")
    client, names = module.InferenceServerClient(_address(target)), stable_names(target)
    outputs = [module.InferRequestedOutput(name) for name in names]
    for compression in (None, "gzip", "deflate"):
        result = client.infer(
            target.model,
            [make_input(module, target)],
            outputs=outputs,
            request_id="triton-2",
            compression_algorithm=compression,
        )
        same(expected(target), values_of(result, names))
        expect(result.get_response().id == "triton-2", f"id is {result.get_response().id!r}")
    client.close()


@check("triton.grpc.classification", "Classification extension, by NVIDIA's client", "classification")
def classification(target: Target) -> None:
    module = load("tritonclient.grpc")
    scores = [output for output in target.outputs if len(output["shape"]) == 2 and output["datatype"] == "FP32"]
    if not scores:
        raise Skipped("no output holds scores of classes")
    client = module.InferenceServerClient(_address(target))
    output = module.InferRequestedOutput(scores[0]["name"], class_count=1)
    result = client.infer(target.model, [make_input(module, target)], outputs=[output])
    (values,) = values_of(result, [scores[0]["name"]]).values()
    client.close()
    expect(all(value.count(":") >= 1 for value in values), f"the classes are {values}")


@check("triton.grpc.error", "gRPC, Status codes, by NVIDIA's client")
def error(target: Target) -> None:
    module, utils = load("tritonclient.grpc"), load("tritonclient.utils")
    client = module.InferenceServerClient(_address(target))
    try:
        client.infer("no-such-model", [make_input(module, target)])
    except utils.InferenceServerException as refused:
        expect("NOT_FOUND" in str(refused.status()), f"the status is {refused.status()!r}")
    else:
        expect(False, "an unknown model was answered")
    client.close()


@check("triton.grpc.async", SECTION)
def async_infer(target: Target) -> None:
    module = load("tritonclient.grpc")
    client, names = module.InferenceServerClient(_address(target)), stable_names(target)
    outputs, wanted = [module.InferRequestedOutput(name) for name in names], expected(target)
    answers: list[tuple[Any, Any]] = []
    done = threading.Semaphore(0)

    def answered(result: Any, error: Any) -> None:
        answers.append((result, error))
        done.release()

    for _ in range(12):
        client.async_infer(target.model, [make_input(module, target)], answered, outputs=outputs)
    for _ in range(12):
        expect(done.acquire(timeout=target.timeout), "an answer did not come")
    for result, failed in answers:
        expect(failed is None, f"a call failed: {failed}")
        same(wanted, values_of(result, names))
    client.close()


@check("triton.grpc.asyncio", SECTION)
def aio(target: Target) -> None:
    module = load("tritonclient.grpc.aio")
    names, wanted = stable_names(target), expected(target)
    outputs = [module.InferRequestedOutput(name) for name in names]

    async def ask() -> list[Any]:
        async with module.InferenceServerClient(_address(target)) as client:
            expect(await client.is_model_ready(target.model), "is_model_ready is false")
            return await asyncio.gather(
                *(client.infer(target.model, [make_input(module, target)], outputs=outputs) for _ in range(8))
            )

    for result in asyncio.run(ask()):
        same(wanted, values_of(result, names))
