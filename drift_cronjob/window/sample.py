"""The rows that detectors compare, as plain columns."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from drift_cronjob.statistics.statistic import FloatArray


@dataclass(frozen=True, slots=True)
class Sample:
    """n answered texts, one row each.

    descriptors f64[n, d] and sketch f64[n, 64] hold NaN rows where the log has no values; margin, probability
    (calibrated P(positive)) and confidence are f64[n]; label i8[n] is the model's answer; true_label i8[n] is -1 where
    unknown.
    """

    descriptors: FloatArray
    sketch: FloatArray
    margin: FloatArray
    probability: FloatArray
    confidence: FloatArray
    label: npt.NDArray[np.int8]
    true_label: npt.NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.margin)

    def take(self, rows: npt.NDArray[np.intp]) -> "Sample":
        """Return the given rows, in the given order."""
        return Sample(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    def at_most(self, rows: int, rng: np.random.Generator) -> "Sample":
        """Return all rows, or a random `rows` of them."""
        return self if len(self) <= rows else self.take(np.sort(rng.permutation(len(self))[:rows]))

    @property
    def described(self) -> FloatArray:
        """The rows that have descriptors."""
        return self.descriptors[np.isfinite(self.descriptors).all(axis=1)]

    @property
    def sketched(self) -> FloatArray:
        """The rows that have a sketch."""
        return self.sketch[np.isfinite(self.sketch).all(axis=1)]


def first_copies(hashes: Sequence[str | None]) -> npt.NDArray[np.intp]:
    """Return the index of each text's first row; a row without a hash counts as a separate text.

    Copies of a text get the same answer, so they are one observation. Counted several times, they would make every
    p-value too small: a client that sends one batch four times would look like drift.
    """
    seen: set[str] = set()
    rows = []
    for row, text_hash in enumerate(hashes):
        if text_hash is None or text_hash not in seen:
            rows.append(row)
        if text_hash is not None:
            seen.add(text_hash)
    return np.array(rows, dtype=np.intp)
