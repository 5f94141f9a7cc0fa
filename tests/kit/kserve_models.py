"""Models in one stock `kserve.ModelServer`: a release, a subclass of its model, and one that is not ours.

python kserve_models.py FOLDER_OF_THE_RELEASE
"""

import sys
from typing import Any

import kserve

from model_server.kserve_model import SentimentModel, texts_of, with_texts


class Reviews(SentimentModel):
    """A model that reads texts without markup and marks its answers."""

    async def preprocess(self, payload: Any, headers: dict[str, str] | None = None) -> Any:
        return with_texts(payload, [text.replace("<br />", " ") for text in texts_of(payload)])

    async def postprocess(self, result: Any, headers: Any = None, response_headers: Any = None) -> Any:
        if isinstance(result, kserve.InferResponse):
            result.parameters = {"answered_by": self.name}
            return result
        return result | {"answered_by": self.name}


class Echo(kserve.Model):  # type: ignore[misc]
    """Another model beside ours."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.ready = True

    async def predict(self, payload: Any, headers: Any = None, response_headers: Any = None) -> Any:
        return {"predictions": payload["instances"]}


if __name__ == "__main__":
    folder = sys.argv[1]
    ours = [SentimentModel("sentiment", model_dir=folder, max_texts=4), Reviews("reviews", model_dir=folder)]
    for model in ours:
        model.load()
    kserve.ModelServer().start([*ours, Echo("echo")])
