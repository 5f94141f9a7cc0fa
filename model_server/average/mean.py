"""Several releases' answers as one: the arithmetic behind an ensemble, with no HTTP in it.

A KServe InferenceGraph of the kind Ensemble asks all its steps at once and answers
`{"champion": {V2 answer}, "b": {V2 answer}}`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from model_release.scoring.features import replace_surrogates
from model_server.errors import BadGateway, InvalidInput
from model_server.protocol.classification import LABELS
from model_server.protocol.tensors import INPUT, OUTPUTS, Output
from model_server.protocol.v2 import InferRequest
from sentiment_common.json_terms import json_text

# Outputs of an average; ids of predictions and counts of tokens belong to one release.
OFFERED = ("label", "confidence", "probabilities")
THRESHOLD = 0.5


@dataclass(frozen=True, slots=True)
class Average:
    """P(positive) of n texts, the mean over the releases, and the releases' ids joined by `+`."""

    probabilities: list[float]
    version: str


def check_offered(request: InferRequest) -> None:
    """Raise InvalidInput for an output that only a single release can give."""
    for index, name in enumerate(request.outputs):
        if name not in OFFERED:
            raise InvalidInput(
                f"outputs[{index}].name {name!r} is one release's own; an average has {', '.join(OFFERED)}"
            )
    if request.classes:
        raise InvalidInput("classification is a release's own extension; ask an average for its probabilities")


def question(request: InferRequest) -> bytes:
    """Return the V2 body for every release: texts and options, and `probabilities` as the only output."""
    texts = [replace_surrogates(text) for text in request.texts]
    document: dict[str, Any] = {
        "inputs": [INPUT | {"shape": [len(texts)], "data": texts}],
        "outputs": [{"name": "probabilities"}],
    }
    if request.options.truncation is not None:
        document["parameters"] = {"truncation": request.options.truncation}
    return orjson.dumps(document)


def average(answer: bytes, count: int) -> Average:
    """Return the mean of an ensemble's answers to `count` texts.

    Raises:
        BadGateway: the answer is not an ensemble's, or that of a release is malformed; the message names the step.
    """
    try:
        steps = orjson.loads(answer)
    except orjson.JSONDecodeError as error:
        raise BadGateway(f"the graph's answer is not JSON: {error}") from None
    if not isinstance(steps, dict) or not steps or not all(isinstance(answer, dict) for answer in steps.values()):
        raise BadGateway("the graph's answer is not an object with each step's answer; is it of the kind Ensemble?")
    rows = [_positive(step, answer, count) for step, answer in steps.items()]
    versions = "+".join(_version(step, answer) for step, answer in steps.items())
    return Average([math.fsum(column) / len(rows) for column in zip(*rows, strict=True)], versions)


def _version(step: str, answer: dict[str, Any]) -> str:
    version = answer.get("model_version")
    if not isinstance(version, str) or not version:
        raise BadGateway(f"step {step!r}: its answer has no model_version")
    return version


def _positive(step: str, answer: dict[str, Any], count: int) -> list[float]:
    """Return P(positive) of each text by one step."""
    outputs = answer.get("outputs")
    found = [
        output
        for output in (outputs if isinstance(outputs, list) else [])
        if isinstance(output, dict) and output.get("name") == "probabilities"
    ]
    if len(found) != 1:
        raise BadGateway(f"step {step!r}: its answer has no output 'probabilities'")
    (tensor,) = found
    shape, data = tensor.get("shape"), tensor.get("data")
    if shape != [count, len(LABELS)] or not isinstance(data, list) or len(data) != count * len(LABELS):
        raise BadGateway(
            f"step {step!r}: its probabilities have the shape {json_text(shape)}, not [{count}, {len(LABELS)}]"
        )
    if not all(isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1 for value in data):
        raise BadGateway(f"step {step!r}: a probability is not between 0 and 1")
    return data[1 :: len(LABELS)]


def tensors(probabilities: Sequence[float], names: Sequence[str]) -> list[Output]:
    """Return the outputs of these names, all of them in `OFFERED`, for n averaged P(positive)."""
    values: dict[str, list[Any]] = {
        "label": [LABELS[p >= THRESHOLD] for p in probabilities],
        "confidence": [p if p >= THRESHOLD else 1.0 - p for p in probabilities],
        "probabilities": [part for p in probabilities for part in (1.0 - p, p)],
    }
    return [Output(name, OUTPUTS[name][0], [len(probabilities), *OUTPUTS[name][1][1:]], values[name]) for name in names]
