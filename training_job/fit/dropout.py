"""Dropout that does not wait for its random numbers.

On a CPU, PyTorch draws dropout masks number by number in one thread. For the heads x tokens² attention probabilities
of a row this takes longer than the matrix products. Here a mask consists of random bytes, eight at a time from numpy's
SFC64; the network's dropout probability is rounded to the nearest 1/256.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

_STEPS = 256
ATTENTION = "byte_dropout"


class Masks:
    """A seeded source of dropout masks."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.begin(0)

    def begin(self, step: int) -> None:
        """Make the next masks depend on the seed and this step only, so that a resumed training draws the same masks as
        one without a pause."""
        self._bits = np.random.SFC64([self._seed, step])

    def drop(self, values: Tensor, probability: float) -> Tensor:
        """Set each value to 0 with `probability`, and scale the other values to keep the mean."""
        cut = round(probability * _STEPS)
        if cut == 0:
            return values
        words = self._bits.random_raw(-(-values.numel() // 8))
        random = torch.from_numpy(words.view(np.uint8)[: values.numel()]).view(values.shape)
        return values * (random >= cut).to(values.dtype).mul_(_STEPS / (_STEPS - cut))


class _Dropout(nn.Module):  # type: ignore[misc]
    def __init__(self, probability: float, masks: Masks) -> None:
        super().__init__()
        self.p, self._masks = probability, masks  # networks read `p`, as with nn.Dropout

    def forward(self, values: Tensor) -> Tensor:
        return self._masks.drop(values, self.p) if self.training else values


def _attention(masks: Masks) -> Any:
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    fused = ALL_ATTENTION_FUNCTIONS["sdpa"]

    def attend(
        module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **options: Any
    ) -> tuple[Tensor, None]:
        """Attend over queries, keys, values [b, heads, s, d]; mask bool[b, 1, s, s] is True where a key is read."""
        probability = float(options.get("dropout", 0.0))
        if not module.training or probability == 0.0:
            return fused(module, query, key, value, attention_mask, **options)  # type: ignore[no-any-return]
        with torch.autocast(query.device.type, enabled=False):  # a softmax over bf16 sums in fp32 without it
            scores = torch.matmul(query * query.shape[-1] ** -0.5, key.transpose(2, 3))
            if attention_mask is not None:
                scores = scores.masked_fill(~attention_mask, -torch.inf)
            weights = masks.drop(torch.softmax(scores, dim=-1), probability)
            return torch.matmul(weights, value).transpose(1, 2).contiguous(), None

    return attend


@contextmanager
def byte_dropout(model: Any, seed: int) -> Iterator[Masks]:
    """Use these masks for all dropout of a DistilBERT, attention included, within this context."""
    from transformers import AttentionInterface
    from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, AttentionMaskInterface

    masks = Masks(seed)
    AttentionInterface.register(ATTENTION, _attention(masks))
    AttentionMaskInterface.register(ATTENTION, ALL_MASK_ATTENTION_FUNCTIONS["sdpa"])
    before = model.config._attn_implementation
    places = [
        (parent, name, child)
        for parent in model.modules()
        for name, child in parent.named_children()
        if isinstance(child, nn.Dropout)
    ]
    try:
        model.set_attn_implementation(ATTENTION)
        for parent, name, child in places:
            setattr(parent, name, _Dropout(child.p, masks).train(parent.training))
        yield masks
    finally:
        for parent, name, child in places:
            setattr(parent, name, child.train(parent.training))
        model.set_attn_implementation(before)
