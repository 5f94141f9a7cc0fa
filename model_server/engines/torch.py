"""The torch engine: the release's `torch/` folder on CPU or CUDA. It needs the extra `torch`."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from transformers import DistilBertForSequenceClassification

from model_release.engine import FloatArray, IntArray, available_cpus


class TorchEngine:
    """`DistilBertForSequenceClassification` in eval mode: fp32 on CPU, bf16 on a CUDA device."""

    def __init__(self, folder: Path, threads: int = 0) -> None:
        torch.set_num_threads(threads or available_cpus())
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        dtype = torch.bfloat16 if self._device.type == "cuda" else torch.float32
        self._model = DistilBertForSequenceClassification.from_pretrained(folder, dtype=dtype).to(self._device).eval()

    def forward(self, ids: IntArray, mask: IntArray) -> tuple[FloatArray, FloatArray]:
        with torch.inference_mode():
            tokens, attention = (torch.from_numpy(np.ascontiguousarray(part)).to(self._device) for part in (ids, mask))
            hidden = self._model.distilbert(input_ids=tokens, attention_mask=attention).last_hidden_state[:, 0]
            embedding = torch.relu(self._model.pre_classifier(hidden))
            logits = self._model.classifier(embedding)
        return logits.float().cpu().numpy(), embedding.float().cpu().numpy()

    def warm(self, shapes: Sequence[tuple[int, int]]) -> None:
        for batch, tokens in shapes:
            ones = np.ones((batch, tokens), dtype=np.int64)
            self.forward(ones, ones)

    def close(self) -> None:
        del self._model
