"""Intervals for shares and for differences of shares and means."""

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

from drift_cronjob.statistic import FloatArray


@dataclass(frozen=True, slots=True)
class Interval:
    """A point estimate with the ends of its confidence interval."""

    value: float
    low: float
    high: float


def _quantile(level: float) -> float:
    return NormalDist().inv_cdf(0.5 + level / 2)


def wilson(successes: int, total: int, level: float = 0.95) -> Interval:
    """A share's score interval (Wilson, 1927), which holds its level at small counts and shares near 0 or 1.

    Valid for independent draws. Raises ValueError when there are none.
    """
    if not 0 <= successes <= total or total == 0:
        raise ValueError(f"{successes} of {total} is not a share")
    z = _quantile(level)
    share = successes / total
    centre = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    # At 0 and at `total` successes the ends are exact; rounding must not push them past the share itself.
    return Interval(share, min(share, max(0.0, centre - half)), max(share, min(1.0, centre + half)))


def newcombe(a: Interval, b: Interval) -> Interval:
    """The difference a - b of two independent shares from their Wilson intervals (Newcombe, 1998, method 10)."""
    difference = a.value - b.value
    low = difference - sqrt((a.value - a.low) ** 2 + (b.high - b.value) ** 2)
    high = difference + sqrt((a.high - a.value) ** 2 + (b.value - b.low) ** 2)
    return Interval(difference, low, high)


def mean_difference(a: FloatArray, b: FloatArray, level: float = 0.95) -> Interval:
    """mean(a) - mean(b) of independent samples by the normal approximation; from about 30 rows a side on."""
    if a.size < 2 or b.size < 2:
        raise ValueError("an interval needs two values a side")
    half = _quantile(level) * sqrt(float(a.var(ddof=1)) / a.size + float(b.var(ddof=1)) / b.size)
    difference = float(a.mean() - b.mean())
    return Interval(difference, difference - half, difference + half)
