"""The result of one test, and its outcome: the meaning of that result for the verdict."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Family = Literal["data", "concept", "performance"]
_SMALL_FROM = 0.5  # in units of the floor: a smaller difference is real and of no consequence


class Outcome(StrEnum):
    """Meaning of a test's result for the verdict; report, terminal and page all show these words."""

    MATTERS = "matters"
    SIDE_EVIDENCE = "side evidence"
    SMALL = "small"
    TOO_SMALL = "too small to matter"
    NO_DIFFERENCE = "no difference"


def relative_size(effect: float, floor: float) -> float:
    """The effect in units of its floor: it matters from 1."""
    return effect / floor if floor > 0 else 0.0


def outcome_of(size: float, *, significant: bool, primary: bool) -> Outcome:
    """The outcome of a test whose effect is `size` times its floor."""
    if not significant:
        return Outcome.NO_DIFFERENCE
    if size >= 1:
        return Outcome.MATTERS if primary else Outcome.SIDE_EVIDENCE
    return Outcome.SMALL if primary and size >= _SMALL_FROM else Outcome.TOO_SMALL


@dataclass(frozen=True, slots=True)
class Statistic:
    """One two-sample comparison of a window with the reference, independent of the other tests.

    `value` is the test's own statistic. `effect` says how large the difference is: 0 means no difference, and for most
    tests a share s of entirely foreign traffic gives about s times the effect of foreign traffic alone.
    `note` is one sentence for a person who does not know the test.

    `primary`, `effect_floor`, `p_adjusted` and `threshold` are filled in by `thresholds.judge`; a p-value counts as
    significant when it is not above `threshold`.
    """

    name: str
    family: Family
    value: float
    p_value: float
    effect: float
    n_reference: int
    n_window: int
    note: str
    primary: bool = False
    effect_floor: float = 0.0
    p_adjusted: float = 1.0
    threshold: float = 0.0

    @property
    def size(self) -> float:
        """The effect in units of its floor."""
        return relative_size(self.effect, self.effect_floor)

    @property
    def outcome(self) -> Outcome:
        """Meaning of the result for the verdict, corrected for the number of tests in the check."""
        return outcome_of(self.size, significant=self.p_value <= self.threshold, primary=self.primary)
