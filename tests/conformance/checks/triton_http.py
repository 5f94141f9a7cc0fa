"""tritonclient over HTTP, blocking and asyncio, as a user of Triton would call the server."""

import asyncio
from typing import Any

from conformance.check import PRACTICE, Skipped, expect, group
from conformance.target import Target
from conformance.tensors import Values, read, same

check = group("tritonclient HTTP", PRACTICE)
SECTION = "OIP REST, by NVIDIA's client"


def load(module: str) -> Any:
    """A module of tritonclient. Skipped where it is not installed."""
    import importlib

    try:
        return importlib.import_module(module)
    except (ImportError, TypeError) as error:  # TypeError: its protobufs clash with another package's
        raise Skipped(f"tritonclient cannot be imported here: {type(error).__name__}") from None


def make_input(module: Any, target: Target, **options: Any) -> Any:
    """The target's texts as an InferInput."""
    import numpy as np

    shape = target.shape(len(target.texts))
    tensor = module.InferInput(target.input_name, shape, "BYTES")
    tensor.set_data_from_numpy(np.array([text.encode() for text in target.texts], object).reshape(shape), **options)
    return tensor


def _binary(target: Target) -> bool:
    return "binary_tensor_data" in target.extensions


def _input(module: Any, target: Target) -> Any:
    """The client's default where the server declares binary tensors, else JSON."""
    return make_input(module, target, binary_data=_binary(target))


def _outputs(module: Any, target: Target) -> list[Any]:
    return [module.InferRequestedOutput(name, binary_data=_binary(target)) for name in stable_names(target)]


def values_of(result: Any, names: list[str]) -> Values:
    """A result's outputs by name, texts decoded."""
    values: Values = {}
    for name in names:
        flat = result.as_numpy(name).reshape(-1).tolist()
        values[name] = [value.decode() if isinstance(value, bytes) else value for value in flat]
    return values


def stable_names(target: Target) -> list[str]:
    return [output["name"] for output in target.outputs if not output["name"].endswith("id")]


def expected(target: Target) -> Values:
    """Return the outputs of a plain REST request."""
    return read(target.post(target.document(outputs=[{"name": name} for name in stable_names(target)])))[1]


def _address(target: Target) -> str:
    if not target.rest.startswith("http://"):
        raise Skipped("this check speaks plain http only")
    return target.rest.removeprefix("http://").rstrip("/")


@check("triton.http.health-and-metadata", SECTION)
def health(target: Target) -> None:
    client = load("tritonclient.http").InferenceServerClient(_address(target))
    expect(client.is_server_live(), "is_server_live is false")
    expect(client.is_server_ready(), "is_server_ready is false")
    expect(client.is_model_ready(target.model), "is_model_ready is false")
    expect(not client.is_model_ready("no-such-model"), "is_model_ready of an unknown model is true")
    expect(client.get_server_metadata()["name"], "the server has no name")
    expect(client.get_model_metadata(target.model)["name"] == target.model, "the metadata is of another model")
    client.close()


@check("triton.http.repository-index", "Model repository extension, by NVIDIA's client", "model_repository")
def index(target: Target) -> None:
    client = load("tritonclient.http").InferenceServerClient(_address(target))
    names = [entry["name"] for entry in client.get_model_repository_index()]
    client.close()
    expect(target.model in names, f"the index names {names}")


@check("triton.http.infer", SECTION)
def infer(target: Target) -> None:
    """JSON and, where it is declared, binary, both ways."""
    module = load("tritonclient.http")
    client, names = module.InferenceServerClient(_address(target)), stable_names(target)
    ways = (True, False) if _binary(target) else (False,)
    for sent in ways:
        for received in ways:
            tensor = make_input(module, target, binary_data=sent)
            outputs = [module.InferRequestedOutput(name, binary_data=received) for name in names]
            result = client.infer(target.model, [tensor], outputs=outputs, request_id="triton-1")
            same(expected(target), values_of(result, names))
            expect(result.get_response()["id"] == "triton-1", f"id is {result.get_response().get('id')!r}")
    client.close()


@check("triton.http.default-outputs", SECTION, "binary_tensor_data")
def default_outputs(target: Target) -> None:
    """Asked for nothing, the client wants all in binary."""
    module = load("tritonclient.http")
    client = module.InferenceServerClient(_address(target))
    result = client.infer(target.model, [make_input(module, target)])
    names = [output["name"] for output in result.get_response()["outputs"]]
    expect(names, "the answer has no outputs")
    for values in values_of(result, names).values():
        expect(len(values) % len(target.texts) == 0, f"{len(target.texts)} texts gave {len(values)} values")
    client.close()


@check("triton.http.compressed", "Triton HTTP compression; RFC 9110 8.4")
def compressed(target: Target) -> None:
    module = load("tritonclient.http")
    client, names = module.InferenceServerClient(_address(target)), stable_names(target)
    outputs = _outputs(module, target)
    for sent in ("gzip", "deflate"):
        for received in (None, "gzip", "deflate"):
            result = client.infer(
                target.model,
                [_input(module, target)],
                outputs=outputs,
                request_compression_algorithm=sent,
                response_compression_algorithm=received,
            )
            same(expected(target), values_of(result, names))
    client.close()


@check("triton.http.classification", "Classification extension, by NVIDIA's client", "classification")
def classification(target: Target) -> None:
    module = load("tritonclient.http")
    scores = [output for output in target.outputs if len(output["shape"]) == 2 and output["datatype"] == "FP32"]
    if not scores:
        raise Skipped("no output holds scores of classes")
    client = module.InferenceServerClient(_address(target))
    for binary in (True, False):
        output = module.InferRequestedOutput(scores[0]["name"], binary_data=binary, class_count=1)
        result = client.infer(target.model, [_input(module, target)], outputs=[output])
        (values,) = values_of(result, [scores[0]["name"]]).values()
        expect(all(value.count(":") >= 1 for value in values), f"the classes are {values}")
    client.close()


@check("triton.http.error", "OIP REST, errors, by NVIDIA's client")
def error(target: Target) -> None:
    """A refusal is an InferenceServerException with the server's message and status."""
    module, utils = load("tritonclient.http"), load("tritonclient.utils")
    client = module.InferenceServerClient(_address(target))
    for model, status in (("no-such-model", "404"), (target.model, "400")):
        tensor = _input(module, target)
        tensor._name = "no-such-input"
        try:
            client.infer(model, [tensor])
        except utils.InferenceServerException as refused:
            expect(status in str(refused.status()), f"the status is {refused.status()!r}; expected {status}")
            expect(refused.message(), "the exception has no message")
        else:
            expect(False, f"{model!r} was answered")
    client.close()


@check("triton.http.async", SECTION)
def async_infer(target: Target) -> None:
    """Many requests in flight, each answered with its own."""
    module = load("tritonclient.http")
    client = module.InferenceServerClient(_address(target), concurrency=4)
    names, wanted = stable_names(target), expected(target)
    outputs = _outputs(module, target)
    waiting = [
        client.async_infer(target.model, [_input(module, target)], outputs=outputs, request_id=str(number))
        for number in range(12)
    ]
    for number, one in enumerate(waiting):
        result = one.get_result()
        same(wanted, values_of(result, names))
        expect(result.get_response()["id"] == str(number), f"answer {number} has the id {result.get_response()['id']}")
    client.close()


@check("triton.http.asyncio", SECTION)
def aio(target: Target) -> None:
    module = load("tritonclient.http.aio")
    names, wanted = stable_names(target), expected(target)
    outputs = _outputs(module, target)

    async def ask() -> list[Any]:
        async with module.InferenceServerClient(_address(target)) as client:
            expect(await client.is_model_ready(target.model), "is_model_ready is false")
            return await asyncio.gather(
                *(client.infer(target.model, [_input(module, target)], outputs=outputs) for _ in range(8))
            )

    for result in asyncio.run(ask()):
        same(wanted, values_of(result, names))
