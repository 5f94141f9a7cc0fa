"""A transformer as KServe's users write one: a `kserve.Model` in a stock `kserve.ModelServer`, in front of a predictor.

python kserve_transformer.py --model_name sentiment --predictor_host 127.0.0.1:8080 --predictor_protocol v1
"""

from typing import Any

from kserve import InferRequest, Model, ModelServer
from kserve.model_server import args


def clean(text: str | bytes) -> str:
    """The text without the line breaks of a page."""
    return (text.decode() if isinstance(text, bytes) else text).replace("<br />", " ")


class WithoutMarkup(Model):  # type: ignore[misc]
    """Hands texts on without `<br />`."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.ready = True

    async def preprocess(self, payload: Any, headers: dict[str, str] | None = None) -> Any:
        if isinstance(payload, InferRequest):
            payload.inputs[0].data = [clean(text) for text in payload.inputs[0].data]
            return payload
        return payload | {"instances": [clean(text) for text in payload["instances"]]}


if __name__ == "__main__":
    ModelServer().start([WithoutMarkup(args.model_name)])
