"""The protocol's classification extension: an output's scores as its highest classes, `<score>:<index>:<label>`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from model_server.errors import InvalidInput
from model_server.inference.types import Prediction
from model_server.protocol.tensors import Output, make_output
from sentiment_common.json_terms import json_text

CLASSIFIED = "probabilities"
LABELS = ("negative", "positive")  # the columns of `probabilities`


def class_count(name: object, value: object, where: str) -> int:
    """Return the requested number of classes of output `name`, at most all of them.

    Raises:
        InvalidInput: the output has no scores, or the value is not a positive whole number.
    """
    if name != CLASSIFIED:
        raise InvalidInput(
            f"{where}.classification: {json_text(name)} holds no scores of classes; ask it of {CLASSIFIED!r}"
        )
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InvalidInput(f"{where}.classification is {json_text(value)}; send how many classes to return, 1 or more")
    return min(value, len(LABELS))


def classified(predictions: Sequence[Prediction], count: int) -> Output:
    """Return BYTES [n, count]: the `count` highest classes of each prediction, the highest first."""
    values: list[Any] = []
    for prediction in predictions:
        scores = (1.0 - prediction.probability, prediction.probability)
        order = sorted(range(len(LABELS)), key=lambda index: -scores[index])
        values += [f"{scores[index]:.6f}:{index}:{LABELS[index]}" for index in order[:count]]
    return Output(CLASSIFIED, "BYTES", [len(predictions), count], values)


def read_classes(outputs: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, int]:
    """Return the requested numbers of classes by output, from the outputs' names and parameters.

    Raises:
        InvalidInput: classification is not offered there, or the request wants an output in shared memory.
    """
    classes = {}
    for index, (name, parameters) in enumerate(outputs):
        where = f"outputs[{index}].parameters"
        if "shared_memory_region" in parameters:
            raise InvalidInput(f"{where}.shared_memory_region: outputs are sent in the answer only; leave it out")
        if "classification" in parameters:
            classes[name] = class_count(name, parameters["classification"], where)
    return classes


def make_outputs(
    names: Iterable[str], classes: Mapping[str, int], predictions: Sequence[Prediction]
) -> Iterable[Output]:
    """Yield the outputs of these names, in their order; those in `classes` with the highest classes as values."""
    for name in names:
        count = classes.get(name)
        yield classified(predictions, count) if count else make_output(name, predictions)
