"""Fixed shapes that batches are padded to, so that each shape has a CUDA graph. Pure."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model_release.scoring.engine import IntArray
from model_release.scoring.scorer import WIDTH_MULTIPLE
from model_server.batching.policy import whole_rows

MAX_ROWS = 512  # more rows than this are computed without a graph


@dataclass(frozen=True, slots=True)
class Bucket:
    """A shape: rows of a batch, tokens of a row."""

    rows: int
    width: int

    @property
    def tokens(self) -> int:
        """Tokens of the shape, padding counted."""
        return self.rows * self.width


def widths(max_tokens: int) -> Iterator[int]:
    """Yield 16, 32, … 128, 160, … 256, 320, … `max_tokens`: above 64 each is at most a quarter wider than the last."""
    width = WIDTH_MULTIPLE
    while width < max_tokens:
        yield width
        width += max(WIDTH_MULTIPLE, 1 << (width.bit_length() - 3))
    yield max_tokens


def row_counts(most: int) -> Iterator[int]:
    """Yield 1, 2, 3, 4, 6, 8, 12, … up to the first that holds `most`.

    Powers of two alone would compute nearly twice the rows of an unlucky batch; with one count between two of them it
    is at most half as many again.
    """
    for count in filter(lambda count: whole_rows(count) == count, itertools.count(1)):
        yield count
        if count >= most:
            return


def make_buckets(max_tokens: int, batch_tokens: int) -> tuple[Bucket, ...]:
    """Return shapes for every batch of up to 512 rows that a budget of `batch_tokens` (padding not counted) allows.

    A text over the budget runs alone, so each width has at least the shape of one row.
    """
    made, narrower = [], 0
    for width in widths(max_tokens):
        most = min(MAX_ROWS, max(1, batch_tokens // (narrower + 1)))  # rows of the shortest texts that need this width
        made += [Bucket(rows, width) for rows in row_counts(most)]
        narrower = width
    return tuple(made)


class BucketTable:
    """Find the shape that a batch is padded to."""

    def __init__(self, buckets: Iterable[Bucket]) -> None:
        self._buckets = tuple(buckets)
        self._found: dict[tuple[int, int], Bucket | None] = {}

    def smallest(self, rows: int, width: int) -> Bucket | None:
        """Return the shape of the fewest tokens that holds a batch of this size; None if no shape does."""
        key = (rows, width)
        if key not in self._found:
            holding = [bucket for bucket in self._buckets if bucket.rows >= rows and bucket.width >= width]
            self._found[key] = min(holding, key=lambda bucket: bucket.tokens, default=None)
        return self._found[key]


def fill(ids: IntArray, mask: IntArray, to_ids: npt.NDArray[np.int32], to_mask: npt.NDArray[np.bool_]) -> None:
    """Write a batch i64[b, s] into buffers [rows, width] that are no smaller, and pad the rest.

    A row that is all padding attends to its first token: attention over no token at all is NaN.
    """
    rows, width = ids.shape
    to_ids[:rows, :width] = ids
    to_mask[:rows, :width] = mask
    to_ids[:rows, width:], to_mask[:rows, width:] = 0, False
    to_ids[rows:], to_mask[rows:] = 0, False
    to_mask[rows:, :1] = True
