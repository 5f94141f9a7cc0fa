"""The torch engine: the release's `torch/` folder on CPU or CUDA. It needs the extra `torch`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import DistilBertForSequenceClassification
from transformers.utils.logging import disable_progress_bar

from model_release import ReleaseCorrupt
from model_release.scoring.engine import FloatArray, IntArray, available_cpus
from model_server.engines.buckets import Bucket
from model_server.engines.fixed_shapes import FixedShapes
from model_server.errors import StartError
from model_server.settings import Device, Dtype

LOGITS = 2
_DTYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}


def choose_device(device: Device) -> torch.device:
    """Return the device to run on: for `auto` CUDA if a card is available.

    Raises:
        StartError: `device` is cuda, and no CUDA device exists.
    """
    if device == "cpu" or (device == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        build = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
        raise StartError(
            f"DEVICE=cuda: torch {torch.__version__} ({build}) finds no CUDA device; start it on a node with a card "
            "and its driver (in a pod: a limit of nvidia.com/gpu), or set DEVICE=cpu"
        )
    return torch.device("cuda", torch.cuda.current_device())


class Network(nn.Module):  # type: ignore[misc]  # torch is not followed
    """The classifier with both outputs in one tensor: logits, then the task embedding.

    The body runs in the model's own precision, the two small layers behind it in fp32: a logit of 4 rounded to bf16
    would be off by up to 0.016, for no time saved.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.body = model.distilbert
        self.pre_classifier = model.pre_classifier.float()
        self.classifier = model.classifier.float()
        self.columns = LOGITS + int(model.config.dim)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """ids i32[b, s] and mask bool[b, s] → f32[b, 2 + h]."""
        # A mask of four dimensions is used unchanged; torch would inspect one of two, and wait for the card.
        hidden = self.body(input_ids=ids, attention_mask=mask[:, None, None, :]).last_hidden_state[:, 0]
        embedding = torch.relu(self.pre_classifier(hidden.float()))
        return torch.cat((self.classifier(embedding), embedding), dim=1)


def load_network(folder: Path, device: torch.device, dtype: Dtype = "auto") -> Network:
    """Load the network of a `torch/` folder in eval mode; `auto` is bf16 on CUDA and fp32 on a CPU.

    Raises:
        ReleaseCorrupt: the folder holds no DistilBERT classifier.
    """
    chosen = ("bf16" if device.type == "cuda" else "fp32") if dtype == "auto" else dtype
    disable_progress_bar()  # a server's standard error is its log
    try:
        model = DistilBertForSequenceClassification.from_pretrained(
            folder, dtype=_DTYPES[chosen], attn_implementation="sdpa", local_files_only=True
        )
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ReleaseCorrupt(f"{folder} is not a model that this engine can run: {reason}") from None
    network = Network(model)
    network.eval().to(device)
    return network


class TorchEngine:
    """`DistilBertForSequenceClassification` by torch: bf16 on CUDA, fp32 on a CPU, unless `dtype` says otherwise.

    Args:
        folder: the release's `torch/`.
        threads: of a CPU; 0 takes the quota.
        buckets: shapes that run as CUDA graphs (`FixedShapes`); other shapes, and all of them without buckets, run
            kernel by kernel.
        compiled: let `torch.compile` fuse the kernels; it needs a C compiler, and about a minute at the first calls.

    Raises:
        StartError: `device` is cuda, and no CUDA device exists.
        ReleaseCorrupt: the folder holds no DistilBERT classifier.
    """

    def __init__(
        self,
        folder: Path,
        *,
        device: Device = "auto",
        dtype: Dtype = "auto",
        threads: int = 0,
        buckets: Sequence[Bucket] = (),
        compiled: bool = False,
    ) -> None:
        torch.set_num_threads(threads or available_cpus())
        self.device = choose_device(device)
        network = load_network(folder, self.device, dtype)
        # Kernels for any shape: one set for each of two hundred shapes would take an hour to compile.
        self._network = torch.compile(network, dynamic=True, fullgraph=True) if compiled else network
        self._fixed = FixedShapes(self._network, self.device, network.columns, buckets) if buckets else None

    def forward(self, ids: IntArray, mask: IntArray) -> tuple[FloatArray, FloatArray]:
        rows = self._fixed.run(ids, mask) if self._fixed else None
        if rows is None:
            rows = self._kernel_by_kernel(ids, mask)
        return rows[:, :LOGITS], rows[:, LOGITS:]

    def _kernel_by_kernel(self, ids: IntArray, mask: IntArray) -> FloatArray:
        parts = (torch.from_numpy(ids.astype(np.int32)), torch.from_numpy(mask.astype(np.bool_)))
        with torch.inference_mode():
            if self.device.type == "cuda":
                parts = tuple(part.pin_memory().to(self.device, non_blocking=True) for part in parts)
            answer: FloatArray = self._network(*parts).cpu().numpy()
        return answer

    def warm(self, shapes: Sequence[tuple[int, int]]) -> None:
        for batch, tokens in shapes:
            ones = np.ones((batch, tokens), dtype=np.int64)
            self.forward(ones, ones)

    def close(self) -> None:
        del self._fixed, self._network
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
