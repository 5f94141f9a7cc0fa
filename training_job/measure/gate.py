"""The gate: whether a new release may replace the champion, by the answers of both to rows new to both."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sentiment_common.intervals import Interval
from training_job.measure.evaluate import balanced_difference, paired_difference

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.integer]

FEWEST_ROWS = 50  # with fewer, a release that is 10 points worse could pass


@dataclass(frozen=True, slots=True)
class Gate:
    """The verdict and its figures.

    Attributes:
        passed: whether the challenger may be promoted.
        reason: one sentence for the user.
        champion: the champion's id; None without a champion.
        rows: test rows that both releases answered; None, as all figures below, without a comparison.
        champion_accuracy: accuracy of the champion on these rows, 0 to 1.
        difference: the challenger's accuracy minus the champion's, with its 95 % interval.
        balanced_difference: the same for balanced accuracy, the mean accuracy of the two labels.
        p_value: two-sided p-value of McNemar's test: the probability of so uneven a count with equally good releases.
    """

    passed: bool
    reason: str
    champion: str | None = None
    rows: int | None = None
    champion_accuracy: float | None = None
    difference: Interval | None = None
    balanced_difference: Interval | None = None
    p_value: float | None = None


def mcnemar(gained: int, lost: int) -> float:
    """Return the two-sided mid-p value of McNemar's exact test (Fagerland, Lydersen and Laake, 2013) of the rows that
    only one of two models answered rightly. It is valid for any counts, and 1 without such rows."""
    from scipy.stats import binom

    rows, fewer = gained + lost, min(gained, lost)
    if gained == lost:
        return 1.0
    return float(2 * binom.cdf(fewer, rows, 0.5) - binom.pmf(fewer, rows, 0.5))


def refuse_constant(predicted: Ints, labels: tuple[str, str]) -> Gate | None:
    """Return a failed gate if a challenger gives all test rows one label, whatever its accuracy; None otherwise."""
    found = np.unique(predicted)
    if len(found) != 1:
        return None
    return Gate(
        False,
        f"it answers each of {len(predicted):,} test rows with {labels[int(found[0])]}, as a constant would; train "
        "longer, or on more rows of the other label",
    )


def refuse_rows(champion: str, new: Bools, labels: Ints) -> Gate | None:
    """Return a failed gate if too few test rows are new to both releases for a comparison; None otherwise.

    Args:
        new: whether each test row is known to be new to both.
        labels: the true label of each test row.
    """
    rows = int(new.sum())
    missing = [name for label, name in ((0, "negative"), (1, "positive")) if not np.any(labels[new] == label)]
    if rows >= FEWEST_ROWS and not missing:
        return None
    if len(new) < FEWEST_ROWS:
        return Gate(
            False,
            f"there are {len(new):,} test rows; {FEWEST_ROWS} are needed to compare with the champion {champion}. Give "
            "more test rows (TEST_ROWS, TEST_DATA), or compare the cards and promote by hand",
            champion,
        )
    lack = f", none of them {' or '.join(missing)}" if rows and missing else ""
    return Gate(
        False,
        f"{rows:,} of {len(new):,} test rows are known to be new to both it and the champion {champion}{lack}; "
        f"{FEWEST_ROWS} with both labels are needed. Test on rows that neither was trained on, or compare the cards "
        "and promote by hand",
        champion,
    )


def judge(champion: str, champion_right: Bools, challenger_right: Bools, labels: Ints) -> Gate:
    """Pass unless the challenger is measurably worse: the whole 95 % interval of its difference in accuracy, or in
    balanced accuracy, is below 0.

    The comparison is paired, because rows with equal answers carry no information: it finds differences that the
    intervals of the two accuracies would hide. Smaller losses pass: for releases that disagree on a tenth of the rows,
    1,000 rows reveal a loss of 2 points and 25,000 rows one of 0.4. With a rare label, accuracy alone would prefer a
    challenger that never predicts that label.

    Args:
        champion_right, challenger_right: whether each of the same n test rows was answered rightly.
        labels: their true labels, 0 or 1.

    Raises:
        ValueError: no rows, or different numbers of answers.
    """
    rows = len(champion_right)
    if rows == 0 or not len(challenger_right) == len(labels) == rows:
        raise ValueError(f"{rows} answers of the champion, {len(challenger_right)} of the challenger")
    gained = int(np.sum(challenger_right & ~champion_right))
    lost = int(np.sum(champion_right & ~challenger_right))
    difference = paired_difference(champion_right, challenger_right)
    balanced = balanced_difference(champion_right, challenger_right, labels)
    worse = [name for name, found in (("accuracy", difference), ("balanced accuracy", balanced)) if found.high < 0]
    accuracy, before = float(np.mean(challenger_right)), float(np.mean(champion_right))
    reason = (
        f"accuracy {accuracy:.4f} against {before:.4f} of the champion {champion} on the same {rows:,} rows: "
        f"{_points(difference)}; balanced accuracy {_points(balanced)}; "
        f"{'measurably worse in ' + ' and '.join(worse) if worse else 'not measurably worse'}"
    )
    return Gate(not worse, reason, champion, rows, before, difference, balanced, mcnemar(gained, lost))


def _points(metric: Interval) -> str:
    low, high = (f"{100 * end:+.2f}" for end in (metric.low, metric.high))
    return f"{100 * metric.value:+.2f} points (95 %: {low} to {high})"
