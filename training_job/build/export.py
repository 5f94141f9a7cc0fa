"""Export the fine-tuned network to an OpenVINO IR that returns logits and the task embedding from one pass."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn


class _WithEmbedding(nn.Module):  # type: ignore[misc]  # torch is not followed
    """A DistilBERT classifier that returns its logits and the embedding before them."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.body = model.distilbert
        self.pre_classifier = model.pre_classifier
        self.classifier = model.classifier

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        hidden = self.body(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state[:, 0]
        embedding = torch.relu(self.pre_classifier(hidden))
        return self.classifier(embedding), embedding


def save_ir(network: Any, path: Path) -> None:
    """Write an IR in fp32 whose bytes depend on the network only.

    OpenVINO names unnamed operations by a counter of the process, so they are renamed by their position.
    """
    import openvino as ov

    for place, operation in enumerate(network.get_ordered_ops()):
        kind, _, number = operation.get_friendly_name().rpartition("_")
        if number.isdigit() and kind == operation.get_type_name():
            operation.set_friendly_name(f"{kind}_{place}")
    network.set_friendly_name("sentiment")
    path.parent.mkdir(parents=True, exist_ok=True)
    ov.save_model(network, path, compress_to_fp16=False)


@contextmanager
def _root_logger_kept() -> Iterator[None]:
    """Keep the root logger's level, filters and handlers: a failed conversion leaves it at ERROR."""
    root = logging.getLogger()
    level, filters, handlers = root.level, root.filters[:], root.handlers[:]
    try:
        yield
    finally:
        root.setLevel(level)
        root.filters[:], root.handlers[:] = filters, handlers


def export_openvino(model: Any, folder: Path) -> None:
    """Write `model.xml` and `model.bin` in fp32.

    Inputs `input_ids` and `attention_mask` i64[b, s]; outputs `logits` f32[b, 2] and `embedding` f32[b, h], the
    activations after `pre_classifier`.
    """
    import openvino as ov

    wrapped = _WithEmbedding(model).eval()
    ids = torch.ones((2, 12), dtype=torch.long)
    mask = torch.ones_like(ids)
    mask[1, 8:] = 0
    with torch.no_grad(), warnings.catch_warnings(), _root_logger_kept():
        warnings.simplefilter(
            "ignore", torch.jit.TracerWarning
        )  # about shapes that transformers compares while tracing
        converted = ov.convert_model(
            wrapped,
            example_input={"input_ids": ids, "attention_mask": mask},
            input=[("input_ids", [-1, -1], ov.Type.i64), ("attention_mask", [-1, -1], ov.Type.i64)],
        )
    for port, name in zip(converted.outputs, ("logits", "embedding"), strict=True):
        port.get_tensor().set_names({name})
    save_ir(converted, folder / "model.xml")
