"""Two-sample permutation tests of single columns, all with one set of permuted labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from drift_cronjob.statistics.permutation import permutation_p_value, permuted_labels
from drift_cronjob.statistics.statistic import FloatArray

Kind = Literal["ks", "wasserstein", "fall"]
Whole = npt.NDArray[np.signedinteger]
_TOLERANCE = 1e-9  # two sums of the same numbers in another order count as tied


@dataclass(frozen=True, slots=True)
class Contrast:
    """One column in the reference[n] and in the window[m], and the statistic that compares them.

    `ks`: the largest distance between the two distribution functions (Kolmogorov and Smirnov), 0 to 1, on any scale.
    `wasserstein`: the mean distance that mass must move (L1), in the column's unit.
    `fall`: mean(reference) - mean(window), one-sided: only a lower window counts.
    """

    kind: Kind
    reference: FloatArray
    window: FloatArray


@dataclass(frozen=True, slots=True)
class Comparison:
    """A contrast's statistic and its permutation p-value."""

    value: float
    p_value: float


@dataclass(frozen=True, slots=True)
class _Sorted:
    kind: Kind
    window_first: npt.NDArray[np.int8]  # 1 where the sorted pooled value is from the window
    run_ends: npt.NDArray[np.intp]  # last position of each run of equal values
    spacing: FloatArray  # distance to the next sorted value, 0 after the last


def _sort(contrast: Contrast) -> _Sorted:
    pooled = np.concatenate([contrast.reference, contrast.window])
    order = np.argsort(pooled, kind="stable")
    values = pooled[order]
    spacing = np.append(np.diff(values), 0.0)
    run_ends = np.append(np.flatnonzero(spacing[:-1] > 0), values.size - 1)
    return _Sorted(contrast.kind, (order >= contrast.reference.size).astype(np.int8), run_ends, spacing)


def _gaps(labels: npt.NDArray[np.int8], n: int, m: int) -> Whole:
    """n * m * (F_window - F_reference) after each sorted position, in integers so that ties stay ties."""
    kind = np.dtype(np.int32 if (n + m) * m < 2**31 else np.int64)
    counts: Whole = np.cumsum(labels, axis=1, dtype=kind)
    np.multiply(counts, n + m, out=counts)
    np.subtract(counts, m * np.arange(1, n + m + 1, dtype=kind), out=counts)
    return counts


def _values(column: _Sorted, gaps: Whole, sizes: Whole) -> FloatArray:
    """The column's statistic, times n * m, for every row of gaps[b, n + m]; `sizes` = |gaps|."""
    if column.kind == "ks":
        tied = column.run_ends.size < sizes.shape[1]
        largest = (sizes[:, column.run_ends] if tied else sizes).max(axis=1)
        return np.asarray(largest, dtype=np.float64)
    return np.asarray((sizes if column.kind == "wasserstein" else gaps) @ column.spacing)


def compare(contrasts: Sequence[Contrast], permutations: int, rng: np.random.Generator) -> list[Comparison]:
    """Test each contrast; all must have the same n >= 1 reference rows and m >= 1 window rows.

    Under the null hypothesis every order of the labels along a column's sorted values is equally likely. One set of
    permuted label orders and its cumulative sums therefore serves all columns, and each p-value alone is exact, with
    any number of ties (Phipson and Smyth, 2010). The joint distribution of the p-values is not preserved;
    Benjamini-Hochberg does not use it. Costs O(permutations * (n + m)) for all columns together.

    Valid for rows that are exchangeable under the null hypothesis: independent, each text once. `ks` is weak in the
    tails and against a change of spread; `wasserstein` is weak for heavy tails.

    Raises:
        ValueError: the row counts differ, one side is empty, or a value is NaN or infinite.
    """
    if not contrasts:
        return []
    n, m = contrasts[0].reference.size, contrasts[0].window.size
    for contrast in contrasts:
        if (contrast.reference.size, contrast.window.size) != (n, m) or not n or not m:
            raise ValueError("all contrasts need the same two row counts, both above 0")
        if not (np.isfinite(contrast.reference).all() and np.isfinite(contrast.window).all()):
            raise ValueError("values must be finite numbers")
    columns = [_sort(contrast) for contrast in contrasts]
    observed = []
    for column in columns:
        gaps = _gaps(column.window_first[np.newaxis], n, m)
        observed.append(float(_values(column, gaps, np.abs(gaps))[0]))
    exceeding = [0] * len(columns)
    for labels in permuted_labels(n, m, permutations, rng):
        gaps = _gaps(labels, n, m)
        sizes = np.abs(gaps)
        for index, column in enumerate(columns):
            limit = observed[index] - _TOLERANCE * abs(observed[index])
            exceeding[index] += int(np.count_nonzero(_values(column, gaps, sizes) >= limit))
    return [
        Comparison(value / (n * m), permutation_p_value(count, permutations))
        for value, count in zip(observed, exceeding, strict=True)
    ]
