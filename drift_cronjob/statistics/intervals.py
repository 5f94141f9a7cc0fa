"""95 % intervals of differences of shares and of means."""

from math import sqrt

from drift_cronjob.statistics.statistic import FloatArray
from sentiment_common.intervals import Z95, Interval


def newcombe(a: Interval, b: Interval) -> Interval:
    """The difference a - b of two independent shares, from their Wilson intervals (Newcombe, 1998, method 10)."""
    difference = a.value - b.value
    low = difference - sqrt((a.value - a.low) ** 2 + (b.high - b.value) ** 2)
    high = difference + sqrt((a.high - a.value) ** 2 + (b.value - b.low) ** 2)
    return Interval(value=difference, low=low, high=high)


def mean_difference(a: FloatArray, b: FloatArray) -> Interval:
    """mean(a) - mean(b) of independent samples, by the normal approximation; valid from about 30 rows per side."""
    if a.size < 2 or b.size < 2:
        raise ValueError("an interval needs at least two values per side")
    half = Z95 * sqrt(float(a.var(ddof=1)) / a.size + float(b.var(ddof=1)) / b.size)
    difference = float(a.mean() - b.mean())
    return Interval(value=difference, low=difference - half, high=difference + half)
