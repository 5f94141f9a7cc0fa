"""May a new release take the champion's place? Judged by the answers of both to the same test rows."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model_release.manifest import Metric
from training_job.evaluate import paired_difference

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Gate:
    """The verdict and what it rests on.

    Attributes:
        passed: whether the challenger may be promoted.
        reason: one sentence for a person.
        champion: the release compared with; None before there is one, and the figures below are then None as well.
        champion_accuracy: on the same test rows, 0 to 1.
        difference: the challenger's accuracy minus the champion's, with its 95 % interval.
        p_value: of McNemar's test, two-sided: how often as uneven a count would come from two equally good releases.
    """

    passed: bool
    reason: str
    champion: str | None = None
    champion_accuracy: float | None = None
    difference: Metric | None = None
    p_value: float | None = None


def mcnemar(gained: int, lost: int) -> float:
    """Two-sided mid-p value of McNemar's exact test (Fagerland, Lydersen and Laake, 2013) of rows that only one of two
    models answered rightly. Valid for any counts; 1 when there are no such rows."""
    from scipy.stats import binom

    rows, fewer = gained + lost, min(gained, lost)
    if gained == lost:
        return 1.0
    return float(2 * binom.cdf(fewer, rows, 0.5) - binom.pmf(fewer, rows, 0.5))


def judge(champion: str, champion_right: Bools, challenger_right: Bools) -> Gate:
    """Pass unless the challenger is measurably worse: unless the whole 95 % interval of the difference in accuracy lies
    below 0.

    Rows that both answer alike say nothing about which is better, so the comparison is paired: it finds differences
    that the intervals of the two accuracies would hide. What it cannot find with few rows it lets pass: of releases
    that disagree on a tenth of the rows, 1,000 rows tell a loss of 2 points and 25,000 one of 0.4.

    Args:
        champion_right, challenger_right: whether each of the same n test rows was answered rightly.

    Raises:
        ValueError: no rows, or not as many of one as of the other.
    """
    rows = len(champion_right)
    if rows == 0 or len(challenger_right) != rows:
        raise ValueError(f"{rows} answers of the champion, {len(challenger_right)} of the challenger")
    gained = int(np.sum(challenger_right & ~champion_right))
    lost = int(np.sum(champion_right & ~challenger_right))
    difference = paired_difference(champion_right, challenger_right)
    passed = difference.high >= 0
    accuracy, before = float(np.mean(challenger_right)), float(np.mean(champion_right))
    reason = (
        f"accuracy {accuracy:.4f} against {before:.4f} of the champion {champion} on the same {rows:,} rows: "
        f"{100 * difference.value:+.2f} points (95 %: {100 * difference.low:+.2f} to {100 * difference.high:+.2f}), "
        f"{'not measurably worse' if passed else 'measurably worse'}"
    )
    return Gate(passed, reason, champion, before, difference, mcnemar(gained, lost))
