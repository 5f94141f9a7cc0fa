"""The model that transports find by its name: its service while a release is loaded, and V1's calls."""

from dataclasses import replace
from typing import Any

from model_server.errors import InvalidInput
from model_server.inference.data_plane import Asked, InferenceService, Prediction
from model_server.protocol.parameters import parse_options
from model_server.protocol.tensors import ATTRIBUTIONS, INPUT, OUTPUTS


def instance_text(instance: object, index: int) -> str:
    """A V1 instance as text: a string, or an object with one under `text`. InvalidInput otherwise."""
    text = instance.get("text") if isinstance(instance, dict) else instance
    if not isinstance(text, str):
        raise InvalidInput(f"instances[{index}] must be a string or an object with a string under 'text'")
    return text


def instance_texts(payload: dict[str, Any]) -> list[str]:
    """The texts of a V1 request. InvalidInput for anything that V1 does not have."""
    if unknown := set(payload) - {"instances", "signature_name", "parameters"}:
        raise InvalidInput(f"{sorted(unknown)[0]} is unknown; V1 takes 'instances' and 'parameters'")
    instances = payload.get("instances")
    if not isinstance(instances, list):
        raise InvalidInput("instances must be a list of texts")
    return [instance_text(instance, index) for index, instance in enumerate(instances)]


def as_v1(prediction: Prediction) -> dict[str, Any]:
    """A prediction in V1's and the friendly interface's form."""
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


class ServedModel:
    """The predictor. It is found from the start and ready once a verified release is loaded."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.ready = False
        self.service: InferenceService | None = None

    def serve(self, service: InferenceService) -> None:
        """Answer with this service from now on."""
        self.service = service
        self.ready = True

    def unload(self) -> None:
        """Answer with nothing."""
        self.service = None
        self.ready = False

    def stop(self) -> None:
        """Not ready any more; what was taken is still answered."""
        self.ready = False

    @property
    def version(self) -> str | None:
        """The model's version is the release's id; None before it is loaded."""
        return self.service.scorer.release_id if self.service else None

    def get_input_types(self) -> list[dict[str, Any]]:
        return [dict(INPUT)]

    def get_output_types(self) -> list[dict[str, Any]]:
        return [{"name": name, "datatype": datatype, "shape": shape} for name, (datatype, shape) in OUTPUTS.items()]

    async def predict(
        self,
        payload: dict[str, Any],
        client: str | None = None,
        deadline: float | None = None,
    ) -> dict[str, Any]:
        """V1: `{"instances": [...], "parameters": {...}}` → `{"predictions": [...]}`."""
        options = parse_options(payload.get("parameters"))
        return {"predictions": await self._v1(payload, Asked("v1", client, options, deadline))}

    async def explain(
        self,
        payload: dict[str, Any],
        client: str | None = None,
        deadline: float | None = None,
    ) -> dict[str, Any]:
        """V1: `{"instances": [...]}` → `{"predictions": [...], "explanations": [...]}`."""
        options = replace(parse_options(payload.get("parameters")), explain=True)
        predictions = await self._v1(payload, Asked("v1", client, options, deadline))
        return {
            "predictions": predictions,
            "explanations": [prediction.pop(ATTRIBUTIONS) for prediction in predictions],
        }

    async def _v1(self, payload: dict[str, Any], asked: Asked) -> list[dict[str, Any]]:
        texts = instance_texts(payload)
        if self.service is None:
            raise RuntimeError("predict was called before a release was loaded")
        return [as_v1(prediction) for prediction in await self.service.predict(texts, asked)]
