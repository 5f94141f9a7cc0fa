"""Correction for many tests: Benjamini and Hochberg's step-up procedure."""

import numpy as np
import numpy.typing as npt

from drift_cronjob.statistics.statistic import FloatArray


def benjamini_hochberg(p_values: npt.ArrayLike) -> FloatArray:
    """Adjusted p-values of p_values[k]; a value not above a level q is significant at false discovery rate q.

    Benjamini and Hochberg, "Controlling the false discovery rate" (1995). Valid for independent tests, and for
    positively dependent tests (Benjamini and Yekutieli, 2001), as tests of the same rows are in practice. When nothing
    has changed, the false discovery rate is the probability of any false alarm.

    Raises:
        ValueError: a p-value lies outside 0 to 1 or is NaN, or the array has more than one dimension.
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or not np.all((p >= 0) & (p <= 1)):
        raise ValueError("p-values must be a one-dimensional array of numbers from 0 to 1")
    order = np.argsort(p)
    scaled = p[order] * p.size / np.arange(1, p.size + 1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum.accumulate(scaled[::-1])[::-1]
    return np.minimum(adjusted, 1.0)


def benjamini_hochberg_cut(p_values: npt.ArrayLike, level: float) -> float:
    """The largest p-value that is significant at false discovery rate `level`.

    If no p-value is significant, the limit for a single finding is returned.
    """
    p = np.sort(np.asarray(p_values, dtype=np.float64))
    if p.size == 0:
        return level
    limits = level * np.arange(1, p.size + 1) / p.size
    passing = np.flatnonzero(p <= limits)
    return float(limits[passing[-1]] if passing.size else limits[0])
