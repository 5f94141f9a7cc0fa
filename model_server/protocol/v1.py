"""Requests and answers of V1: `{"instances": [...]}` in, `{"predictions": [...]}` out."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from model_server.errors import InvalidInput
from model_server.inference.types import Options, Prediction
from model_server.protocol.parameters import parse_options
from model_server.protocol.tensors import ATTRIBUTIONS

_FIELDS = {"instances", "signature_name", "parameters"}


def read_texts(document: Mapping[str, Any]) -> list[str]:
    """Return the texts of a request's instances: strings, or objects with a string under `text`.

    Raises:
        InvalidInput: a field is unknown, or an instance is not a text.
    """
    if unknown := set(document) - _FIELDS:
        raise InvalidInput(f"{sorted(unknown)[0]} is unknown; V1 takes 'instances' and 'parameters'")
    instances = document.get("instances")
    if not isinstance(instances, list):
        raise InvalidInput("instances must be a list of texts")
    return [_text(instance, index) for index, instance in enumerate(instances)]


def _text(instance: object, index: int) -> str:
    text = instance.get("text") if isinstance(instance, dict) else instance
    if not isinstance(text, str):
        raise InvalidInput(f"instances[{index}] must be a string or an object with a string under 'text'")
    return text


def read_options(document: Mapping[str, Any], *, explain: bool) -> Options:
    """Return the options of a request; `explain` is set for `:explain`.

    Raises:
        InvalidInput: a parameter or its value is unknown.
    """
    options = parse_options(document.get("parameters"))
    return replace(options, explain=True) if explain else options


def write_prediction(prediction: Prediction) -> dict[str, Any]:
    """Write a prediction as V1 and `/predict` return it."""
    explained = {} if prediction.attributions is None else {ATTRIBUTIONS: prediction.attributions}
    return {
        "label": prediction.label,
        "confidence": prediction.confidence,
        "probabilities": {"negative": 1.0 - prediction.probability, "positive": prediction.probability},
        "prediction_id": prediction.id,
        "tokens": prediction.tokens,
        "truncated": prediction.truncated,
        **explained,
    }


def write_response(predictions: Sequence[Prediction], *, explain: bool) -> dict[str, Any]:
    """Write the answer of `:predict`, or that of `:explain`, which has the attributions apart."""
    written = [write_prediction(prediction) for prediction in predictions]
    if not explain:
        return {"predictions": written}
    return {"predictions": written, "explanations": [each.pop(ATTRIBUTIONS) for each in written]}
