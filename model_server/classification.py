"""The protocol's classification extension: an output's scores as its highest classes, `<score>:<index>:<label>`."""

from collections.abc import Sequence
from typing import Any

from model_server.errors import InvalidInput
from model_server.service import Prediction
from model_server.tensors import Output

CLASSIFIED = "probabilities"
LABELS = ("negative", "positive")  # the columns of `probabilities`


def class_count(name: object, value: object, where: str) -> int:
    """How many classes are asked for of output `name`; no more are returned than there are.

    Raises:
        InvalidInput: not an output of scores, or not a positive whole number.
    """
    if name != CLASSIFIED:
        raise InvalidInput(f"{where}.classification: {name!r} holds no scores of classes; ask it of {CLASSIFIED!r}")
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InvalidInput(f"{where}.classification is {value!r}; send how many classes to return, 1 or more")
    return min(value, len(LABELS))


def classified(predictions: Sequence[Prediction], count: int) -> Output:
    """BYTES [n, count]: of each prediction its `count` highest classes, the highest first."""
    values: list[Any] = []
    for prediction in predictions:
        scores = (1.0 - prediction.probability, prediction.probability)
        order = sorted(range(len(LABELS)), key=lambda index: -scores[index])
        values += [f"{scores[index]:.6f}:{index}:{LABELS[index]}" for index in order[:count]]
    return Output(CLASSIFIED, "BYTES", [len(predictions), count], values)
