"""What one detector found. A plain record: it neither knows the other tests nor decides anything."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Family = Literal["data", "concept", "performance"]


@dataclass(frozen=True, slots=True)
class Statistic:
    """One two-sample comparison of a window with the reference.

    `value` is the test's own statistic; `effect` says how large the difference is on a scale where 0 is none and, for
    most tests, a share s of entirely foreign traffic gives about s times the effect of foreign traffic alone.
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
    def significant(self) -> bool:
        """Whether chance explains the difference badly, all tests of the check considered."""
        return self.p_value <= self.threshold

    @property
    def size(self) -> float:
        """The effect in units of its floor: from 1 on it matters."""
        return self.effect / self.effect_floor if self.effect_floor > 0 else 0.0
