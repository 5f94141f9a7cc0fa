"""A user's first server: a transformers pipeline behind FastAPI, here with V2's request and answer.

    MODEL_DIR=folder PORT=8000 python benchmarks/serving/vanilla_app.py

It runs in a separate environment and imports nothing of ours. A plain `def` handler runs in FastAPI's pool of
threads, so that the event loop is free for probes.
"""

import os
from typing import Any

import torch
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from transformers import pipeline


class Tensor(BaseModel):
    """A tensor of V2."""

    name: str
    datatype: str
    shape: list[int]
    data: list[str]


class InferRequest(BaseModel):
    """A request of V2."""

    inputs: list[Tensor]


torch.set_num_threads(int(os.environ["TORCH_NUM_THREADS"]))
app = FastAPI()
classify = pipeline("text-classification", model=os.environ["MODEL_DIR"], top_k=None, device="cpu")


@app.get("/v2/health/ready")
async def ready() -> dict[str, bool]:
    """A probe's answer."""
    return {"ready": True}


@app.post("/v2/models/sentiment/infer")
def infer(request: InferRequest) -> dict[str, Any]:
    """The label and its score of each text."""
    best = [max(scores, key=lambda entry: entry["score"]) for scores in classify(request.inputs[0].data)]
    shape = [len(best)]
    return {
        "model_name": "sentiment",
        "outputs": [
            {"name": "label", "datatype": "BYTES", "shape": shape, "data": [entry["label"] for entry in best]},
            {"name": "confidence", "datatype": "FP32", "shape": shape, "data": [entry["score"] for entry in best]},
        ],
    }


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning")
