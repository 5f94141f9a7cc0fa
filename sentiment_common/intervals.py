"""A figure with its 95 % confidence interval, and Wilson's interval of a share."""

from math import sqrt

from pydantic import BaseModel, ConfigDict

Z95 = 1.959963984540054  # two-sided 95 % point of the normal distribution


class Interval(BaseModel):
    """A measured figure with the ends of its 95 % interval."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    value: float
    low: float
    high: float


def wilson(successes: int, total: int) -> Interval:
    """Return a share with its score interval (Wilson, 1927), which keeps its level at small counts and near 0 or 1.

    Valid for independent draws. The interval always contains the share.

    Raises:
        ValueError: `total` is not positive, or `successes` lies outside 0 to `total`.
    """
    if total <= 0 or not 0 <= successes <= total:
        raise ValueError(f"{successes} of {total} is not a share")
    share = successes / total
    spread = Z95 * Z95 / total
    centre = (share + spread / 2) / (1 + spread)
    half = Z95 * sqrt(share * (1 - share) / total + spread / (4 * total)) / (1 + spread)
    # Rounding must not push an end past the share itself, which is 0 or 1 at the extremes.
    return Interval(value=share, low=max(0.0, min(share, centre - half)), high=min(1.0, max(share, centre + half)))
