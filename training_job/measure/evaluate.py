"""Figures of merit of a model's answers with 95 % intervals, in numpy alone.

Intervals are closed forms, so that a figure and its interval never depend on a random seed.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model_release.scoring.features import describe
from model_release.scoring.scorer import calibrated
from sentiment_common.intervals import Z95, Interval, wilson

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]

CALIBRATION_BINS = 15
MIN_ROWS_A_BIN = 20


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts of a two-class decision; `positive` is label 1."""

    true_negative: int
    false_positive: int
    false_negative: int
    true_positive: int

    @property
    def rows(self) -> int:
        return self.true_negative + self.false_positive + self.false_negative + self.true_positive


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Rows of similar confidence: their number, mean confidence and accuracy."""

    rows: int
    confidence: float
    accuracy: Interval


@dataclass(frozen=True, slots=True)
class Slice:
    """Accuracy on a named part of the test rows."""

    name: str
    rows: int
    accuracy: Interval


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All figures of one model on one set of n labelled rows; `probability` f32[n] is calibrated P(positive).

    `constant_accuracy` is the accuracy of always answering `constant_label` (0 or 1), the more frequent label.
    """

    rows: int
    temperature: float
    accuracy: Interval
    balanced_accuracy: Interval
    constant_accuracy: Interval
    constant_label: int
    f1: Interval
    ece_before: Interval
    ece_after: Interval
    brier: Interval
    nll: Interval
    confusion: Confusion
    slices: tuple[Slice, ...]
    reliability_before: tuple[ReliabilityBin, ...]
    reliability_after: tuple[ReliabilityBin, ...]
    labels: npt.NDArray[np.int64]
    probability: npt.NDArray[np.float32]


def confusion(labels: Ints, predicted: Ints) -> Confusion:
    """Count the four outcomes of labels i[n] against predictions i[n], both 0 or 1."""
    counts = np.bincount(2 * np.asarray(labels, dtype=np.int64) + np.asarray(predicted, dtype=np.int64), minlength=4)
    return Confusion(*(int(count) for count in counts))


def f1(counts: Confusion) -> Interval:
    """Return the F1 of the positive class with an interval.

    F1 = 2J / (1 + J), where J = TP / (TP + FP + FN) is a binomial share given its denominator; Wilson's interval of J,
    carried through that increasing function, is an interval of F1 (the indirect method of Lam, Gopal and Qian, 2023).
    Without any positive, true or predicted, F1 is undefined: the value is 0 and the interval all of [0, 1].
    """
    union = counts.true_positive + counts.false_positive + counts.false_negative
    if union == 0:
        return Interval(value=0.0, low=0.0, high=1.0)
    jaccard = wilson(counts.true_positive, union)
    value, low, high = (2 * share / (1 + share) for share in (jaccard.value, jaccard.low, jaccard.high))
    return Interval(value=value, low=low, high=high)


def mean_of(values: Floats, low: float = -math.inf, high: float = math.inf) -> Interval:
    """Return the mean of f[n] with the normal interval, clipped to its range [low, high].

    Valid for tens of rows and more; a single row gets an interval of no width.
    """
    mean = float(np.mean(values))
    half = Z95 * float(np.std(values, ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return Interval(value=mean, low=max(low, mean - half), high=min(high, mean + half))


def _calibration_bins(confidence: Floats) -> npt.NDArray[np.int64]:
    # Equal mass: rows crowd near confidence 1, where bins of equal width would leave most of them empty. Edges are
    # quantiles, so that equal confidences share a bin and the order of the rows does not matter.
    bins = int(np.clip(len(confidence) // MIN_ROWS_A_BIN, 1, CALIBRATION_BINS))
    edges = np.unique(np.quantile(confidence, np.linspace(0, 1, bins + 1)))
    return np.searchsorted(edges[1:-1], confidence, side="left")


def _confidence(labels: Ints, probability: Floats) -> tuple[npt.NDArray[np.float64], Bools]:
    positive = np.asarray(probability, dtype=np.float64)
    right = (positive >= 0.5) == (np.asarray(labels) == 1)
    return np.maximum(positive, 1.0 - positive), right


def expected_calibration_error(labels: Ints, probability: Floats) -> Interval:
    """Return the ECE (Naeini et al., 2015) of the more probable label's confidence, in up to 15 bins of equal mass.

    With the bins and the sign of each bin's gap held fixed, ECE is the mean of sign x (right - confidence), which gives
    the interval by the delta method. With few rows a bin the estimate is biased upward; it is never below 0.
    """
    confidence, right = _confidence(labels, probability)
    bins = _calibration_bins(confidence)
    gap = right - confidence
    sign = np.sign(np.bincount(bins, weights=gap))
    return mean_of(sign[bins] * gap, low=0.0, high=1.0)


def reliability(labels: Ints, probability: Floats) -> tuple[ReliabilityBin, ...]:
    """Return the bins of the reliability diagram, the same as for the calibration error, least confident first."""
    confidence, right = _confidence(labels, probability)
    bins = _calibration_bins(confidence)
    return tuple(
        ReliabilityBin(
            rows=int(here.sum()),
            confidence=float(confidence[here].mean()),
            accuracy=wilson(int(right[here].sum()), int(here.sum())),
        )
        for here in (bins == index for index in np.unique(bins))
    )


def paired_difference(right_a: Bools, right_b: Bools) -> Interval:
    """Return accuracy of b minus accuracy of a on the same n rows, with the interval of Agresti and Min (2005).

    Half a row is added to each cell of the paired table, which keeps the interval valid when few rows differ.
    """
    rows = len(right_a)
    gained, lost = int(np.sum(right_b & ~right_a)), int(np.sum(right_a & ~right_b))
    value = (gained - lost) / rows
    padded = rows + 2
    centre = (gained - lost) / padded
    half = Z95 * math.sqrt((gained + lost + 1) - (gained - lost) ** 2 / padded) / padded
    return Interval(value=value, low=max(-1.0, min(value, centre - half)), high=min(1.0, max(value, centre + half)))


def mean_of_independent(first: Interval, second: Interval, low: float, high: float) -> Interval:
    """Return the mean of two independent figures, with its interval (MOVER; Zou and Donner, 2008) clipped to
    [low, high]."""
    value = (first.value + second.value) / 2
    below, above = (
        math.hypot(first.value - first.low, second.value - second.low) / 2,
        math.hypot(first.high - first.value, second.high - second.value) / 2,
    )
    return Interval(value=value, low=max(low, value - below), high=min(high, value + above))


def balanced_accuracy(counts: Confusion) -> Interval:
    """Return the mean of the two labels' shares of right answers: 0.5 for a constant answer, however rare a label is.

    With rows of one label only it is undefined: the value is 0 and the interval all of [0, 1].
    """
    if not counts.true_negative + counts.false_positive or not counts.true_positive + counts.false_negative:
        return Interval(value=0.0, low=0.0, high=1.0)
    negative = wilson(counts.true_negative, counts.true_negative + counts.false_positive)
    positive = wilson(counts.true_positive, counts.true_positive + counts.false_negative)
    return mean_of_independent(negative, positive, 0.0, 1.0)


def balanced_difference(right_a: Bools, right_b: Bools, labels: Ints) -> Interval:
    """Return the balanced accuracy of b minus that of a on the same n rows.

    With rows of one label only it is undefined: the value is 0 and the interval all of [-1, 1].
    """
    negative, positive = labels == 0, labels == 1
    if not negative.any() or not positive.any():
        return Interval(value=0.0, low=-1.0, high=1.0)
    parts = [paired_difference(right_a[rows], right_b[rows]) for rows in (negative, positive)]
    return mean_of_independent(parts[0], parts[1], -1.0, 1.0)


def _quartiles(tokens: Ints) -> list[tuple[str, Bools]]:
    edges = [int(edge) for edge in np.quantile(tokens, [0.25, 0.5, 0.75], method="lower")]
    parts = [(f"tokens ≤ {edges[0]}", tokens <= edges[0])]
    for low, high in itertools.pairwise(edges):
        parts.append((f"tokens {low + 1}-{high}", (tokens > low) & (tokens <= high)))
    parts.append((f"tokens > {edges[-1]}", tokens > edges[-1]))
    return parts


def slices(texts: Sequence[str], tokens: Ints, truncated: Bools, right: Bools) -> tuple[Slice, ...]:
    """Accuracy on parts of the rows: quartiles of length in tokens, cut or whole, English negation, HTML,
    non-ASCII characters.

    Args:
        tokens: token count of each whole text, i[n].
        right: whether the row was answered rightly, b[n].

    Parts that hold no row are left out.
    """
    described = [describe(text) for text in texts]
    negated, html, foreign = (
        np.array([row[name] > 0 for row in described], dtype=np.bool_)
        for name in ("negations", "html_tags", "non_ascii_share")
    )
    parts = [
        *_quartiles(np.asarray(tokens)),
        ("cut at the token limit", np.asarray(truncated)),
        ("with an English negation", negated),
        ("without an English negation", ~negated),
        ("with HTML tags", html),
        ("without HTML tags", ~html),
        ("with non-ASCII characters", foreign),
        ("ASCII only", ~foreign),
    ]
    return tuple(
        Slice(name, int(here.sum()), wilson(int(right[here].sum()), int(here.sum())))
        for name, here in parts
        if here.any()
    )


def evaluate(
    texts: Sequence[str],
    labels: Ints,
    margin: Floats,
    tokens: Ints,
    truncated: Bools,
    *,
    temperature: float,
    threshold: float,
) -> Evaluation:
    """Compute every figure of the model card from n answers.

    Args:
        margin: positive minus negative logit, uncalibrated, f[n].
        temperature: divisor of the margin that calibrates it.
        threshold: calibrated P(positive) from which a row counts as positive.

    Raises:
        ValueError: no rows.
    """
    rows = len(labels)
    if rows == 0:
        raise ValueError("there are no test rows to evaluate on")
    margins = np.asarray(margin, dtype=np.float32)
    before, after = (
        np.array([calibrated(value, divisor) for value in margins.tolist()], dtype=np.float32)
        for divisor in (1.0, temperature)
    )
    predicted = (after >= threshold).astype(np.int64)
    counts = confusion(labels, predicted)
    positives = counts.true_positive + counts.false_negative
    truth = np.asarray(labels, dtype=np.float64)
    signed = np.where(truth == 1, margins, -margins).astype(np.float64) / temperature
    return Evaluation(
        rows=rows,
        temperature=temperature,
        accuracy=wilson(counts.true_positive + counts.true_negative, rows),
        balanced_accuracy=balanced_accuracy(counts),
        constant_accuracy=wilson(max(positives, rows - positives), rows),
        constant_label=int(2 * positives > rows),
        f1=f1(counts),
        ece_before=expected_calibration_error(labels, before),
        ece_after=expected_calibration_error(labels, after),
        brier=mean_of((after - truth) ** 2, low=0.0, high=1.0),
        nll=mean_of(np.logaddexp(0.0, -signed), low=0.0),
        confusion=counts,
        slices=slices(texts, tokens, truncated, predicted == labels),
        reliability_before=reliability(labels, before),
        reliability_after=reliability(labels, after),
        labels=np.asarray(labels, dtype=np.int64),
        probability=after,
    )
