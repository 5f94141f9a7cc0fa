"""May a new release take the champion's place? Judged by the answers of both to test rows that are new to both."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sentiment_common.intervals import Interval
from training_job.measure.evaluate import balanced_difference, paired_difference

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.integer]

FEWEST_ROWS = 50  # on fewer, releases that disagree on a tenth of the rows may differ by 10 points and pass


@dataclass(frozen=True, slots=True)
class Gate:
    """The verdict and what it rests on.

    Attributes:
        passed: whether the challenger may be promoted.
        reason: one sentence for a person.
        champion: the release compared with; None before there is one.
        rows: test rows that both were asked; None without a comparison, and the figures below are then None as well.
        champion_accuracy: on those rows, 0 to 1.
        difference: the challenger's accuracy minus the champion's, with its 95 % interval.
        balanced_difference: the same of the mean accuracy of the two labels.
        p_value: of McNemar's test, two-sided: how often as uneven a count would come from two equally good releases.
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
    """Two-sided mid-p value of McNemar's exact test (Fagerland, Lydersen and Laake, 2013) of rows that only one of two
    models answered rightly. Valid for any counts; 1 when there are no such rows."""
    from scipy.stats import binom

    rows, fewer = gained + lost, min(gained, lost)
    if gained == lost:
        return 1.0
    return float(2 * binom.cdf(fewer, rows, 0.5) - binom.pmf(fewer, rows, 0.5))


def refuse_constant(predicted: Ints, labels: tuple[str, str]) -> Gate | None:
    """A failed gate when a challenger answers every test row alike: whatever its accuracy, it has learnt nothing that
    the share of the labels does not say. None otherwise."""
    found = np.unique(predicted)
    if len(found) != 1:
        return None
    return Gate(
        False,
        f"it answers each of {len(predicted):,} test rows with {labels[int(found[0])]}, as a constant would; train "
        "longer, or on more rows of the other label",
    )


def refuse_rows(champion: str, new: Bools, labels: Ints) -> Gate | None:
    """A failed gate when the test rows that are new to both releases cannot judge; None when they can.

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
    """Pass unless the challenger is measurably worse: unless the whole 95 % interval of the difference lies below 0, of
    accuracy or of balanced accuracy.

    Rows that both answer alike say nothing about which is better, so the comparison is paired: it finds differences
    that the intervals of the two accuracies would hide. What it cannot find with few rows it lets pass: of releases
    that disagree on a tenth of the rows, 1,000 rows tell a loss of 2 points and 25,000 one of 0.4. Where one label is
    rare, accuracy alone would prefer a challenger that never answers with it.

    Args:
        champion_right, challenger_right: whether each of the same n test rows was answered rightly.
        labels: their true labels, 0 or 1.

    Raises:
        ValueError: no rows, or not as many of one as of the other.
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
