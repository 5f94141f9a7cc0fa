"""Texts as token ids, and batches of rows of similar length, in another order in each epoch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from model_release.manifest import Truncation
from model_release.scoring.features import replace_surrogates
from model_release.scoring.scorer import cut
from training_job.data.rows import Rows

IntArray = npt.NDArray[np.int64]
MULTIPLE = 8  # of padded lengths, which suits the matrix kernels
POOL_BATCHES = 50


@dataclass(frozen=True)
class TokenisedRows:
    """Rows as the network reads them.

    Attributes:
        ids: the token ids of each row with the special tokens, at most `max_tokens`.
        labels: i64[n].
        max_tokens: the longest batch.
        pad_id: id that fills the shorter rows.
    """

    ids: list[npt.NDArray[np.int32]]
    labels: IntArray
    max_tokens: int
    pad_id: int

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def lengths(self) -> IntArray:
        """Number of tokens of each row, i64[n]."""
        return np.array([len(row) for row in self.ids], dtype=np.int64)

    def batch(self, rows: Sequence[int] | IntArray) -> tuple[IntArray, IntArray, IntArray]:
        """Return ids and mask i64[b, s], padded to the next multiple of 8 above the longest row, and labels i64[b]."""
        chosen = np.asarray(rows, dtype=np.int64)
        longest = max(len(self.ids[row]) for row in chosen)
        width = min(-(-longest // MULTIPLE) * MULTIPLE, self.max_tokens)
        ids = np.full((len(chosen), width), self.pad_id, dtype=np.int64)
        mask = np.zeros_like(ids)
        for place, row in enumerate(chosen):
            tokens = self.ids[row]
            ids[place, : len(tokens)] = tokens
            mask[place, : len(tokens)] = 1
        return ids, mask, self.labels[chosen]


def tokenise(
    tokenizer: Tokenizer, rows: Rows, max_tokens: int, truncation: Truncation = "head", pad_id: int = 0
) -> TokenisedRows:
    """Tokenise rows as `model_release.Scorer` does: special tokens at both ends, a longer text cut by `cut`."""
    first, last = tokenizer.encode("").ids
    encoded = tokenizer.encode_batch_fast([replace_surrogates(text) for text in rows.texts], add_special_tokens=False)
    ids = [np.array([first, *cut(item.ids, max_tokens - 2, truncation), last], dtype=np.int32) for item in encoded]
    return TokenisedRows(ids, rows.labels, max_tokens, pad_id)


def epoch_batches(lengths: IntArray, batch_size: int, seed: int, epoch: int) -> Iterator[IntArray]:
    """Yield each row once, in batches of `batch_size` (the last of a pool may be smaller) of similar length.

    All rows are shuffled and cut into pools of 50 batches. A pool is sorted by length and cut into batches, and the
    batches of all pools are shuffled. So batches differ between epochs, and their lengths follow no trend.
    """
    rng = np.random.default_rng([seed, epoch])
    order = rng.permutation(len(lengths))
    pool_rows = batch_size * POOL_BATCHES
    batches = []
    for start in range(0, len(order), pool_rows):
        pool = order[start : start + pool_rows]
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        batches += [pool[place : place + batch_size] for place in range(0, len(pool), batch_size)]
    for place in rng.permutation(len(batches)):
        yield batches[place]


def batches_per_epoch(rows: int, batch_size: int) -> int:
    """Count the batches of `epoch_batches`."""
    return -(-rows // batch_size)  # every pool but the last holds whole batches


def padding_share(lengths: IntArray, batches: Sequence[IntArray], max_tokens: int) -> float:
    """Return the share of padding among all tokens of these batches, 0 to 1."""
    padded = sum(min(-(-int(lengths[rows].max()) // MULTIPLE) * MULTIPLE, max_tokens) * len(rows) for rows in batches)
    return 1.0 - float(sum(int(lengths[rows].sum()) for rows in batches)) / padded
