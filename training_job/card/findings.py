"""Titles of a model card's pictures: the finding of each, computed from the figures, in one sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sentiment_common.intervals import Interval, wilson
from training_job.measure.evaluate import Confusion, Evaluation, Slice

Curves = Mapping[str, Sequence[tuple[float, float]]]  # name → (step, value) points

WEAK_SLICE_ROWS = 30  # a slice of fewer rows is too uncertain to be called weak
SURE = 0.9  # confidence in the title of the probabilities' picture


@dataclass(frozen=True, slots=True)
class Titles:
    """One sentence for each picture."""

    reliability: str
    confusion: str
    training: str
    slices: str
    probabilities: str


def percent(share: float) -> str:
    """Format a share to a tenth of a percent."""
    return f"{100 * share:.1f} %"


def percent_with_interval(metric: Interval) -> str:
    """Format a share with its interval."""
    return f"{percent(metric.value)} ({100 * metric.low:.1f} to {100 * metric.high:.1f} %)"


def _error(metric: Interval) -> str:
    return f"{metric.value:.3f} ({metric.low:.3f} to {metric.high:.3f})"


def is_weak(part: Slice, overall: Interval) -> bool:
    """Whether the accuracy on a part is measurably lower than on all test rows: the intervals do not overlap."""
    return part.rows >= WEAK_SLICE_ROWS and part.accuracy.high < overall.low


def calibration_finding(temperature: float, before: Interval, after: Interval) -> str:
    """State the effect of the temperature on the expected calibration error (ECE)."""
    subject = f"Temperature {temperature:.2f}"
    if f"{before.value:.3f}" == f"{after.value:.3f}":
        return f"{subject} leaves the calibration error at {_error(after)}"
    effect = "lowers" if after.value < before.value else "raises"
    return f"{subject} {effect} the calibration error from {_error(before)} to {_error(after)}"


def confusion_finding(counts: Confusion, labels: tuple[str, str]) -> str:
    """State the share of right answers for each label."""
    sides = (
        (labels[0], counts.true_negative, counts.true_negative + counts.false_positive),
        (labels[1], counts.true_positive, counts.true_positive + counts.false_negative),
    )
    shares = [f"{percent(right / rows)} of the {label} texts" for label, right, rows in sides if rows]
    return f"{' and '.join(shares)} are answered rightly ({counts.rows:,} test rows)"


def slice_finding(parts: Sequence[Slice], overall: Interval) -> str:
    """Name the kind of text with the lowest accuracy, and whether that is measurably lower than on all test rows."""
    large = [part for part in parts if part.rows >= WEAK_SLICE_ROWS]
    if not large:
        return f"No kind of text has the {WEAK_SLICE_ROWS} test rows that a comparison needs"
    lowest = min(large, key=lambda part: part.accuracy.value)
    figure = f"{lowest.name}, {percent_with_interval(lowest.accuracy)}"
    if is_weak(lowest, overall):
        return f"Weakest: {figure}, against {percent(overall.value)} on all test rows"
    return f"No kind of text is measurably weaker; the lowest: {figure}"


def training_finding(curves: Curves, watched_rows: int) -> str:
    """State the step of the best validation, by accuracy, or by loss if only losses were recorded.

    `watched_rows` is the number of rows of each validation; with 0, for unknown, there is no interval.
    """
    if accuracy := curves.get("validation_accuracy"):
        step, best = max(accuracy, key=lambda point: point[1])
        figure = percent(best)
        if watched_rows:
            share = wilson(round(best * watched_rows), watched_rows)
            figure = f"{percent_with_interval(share)} of {watched_rows:,} rows"
        return f"Best validation accuracy: {figure}, at step {step:,.0f}"
    losses = [(name, points) for name, points in curves.items() if "loss" in name and points]
    if not losses:
        return "No validation was recorded"
    name, points = next(((name, points) for name, points in losses if "validation" in name), losses[0])
    step, least = min(points, key=lambda point: point[1])
    return f"Lowest {name.replace('_', ' ')} {least:.3f} at step {step:,.0f}"


def certainty_finding(evaluation: Evaluation) -> str:
    """State the share of answers with high confidence, and the share of right answers among them."""
    positive = evaluation.probability.astype(np.float64)
    sure = np.maximum(positive, 1 - positive) >= SURE
    rows = int(sure.sum())
    if rows == 0:
        return f"No answer reaches {100 * SURE:.0f} % confidence"
    right = int(((positive >= 0.5) == (evaluation.labels == 1))[sure].sum())
    return (
        f"{percent(rows / evaluation.rows)} of the answers have {100 * SURE:.0f} % confidence or more; "
        f"{percent_with_interval(wilson(right, rows))} of these are right"
    )


def find(evaluation: Evaluation, curves: Curves, watched_rows: int, labels: tuple[str, str]) -> Titles:
    """Return the titles of all pictures."""
    return Titles(
        reliability=calibration_finding(evaluation.temperature, evaluation.ece_before, evaluation.ece_after),
        confusion=confusion_finding(evaluation.confusion, labels),
        training=training_finding(curves, watched_rows),
        slices=slice_finding(evaluation.slices, evaluation.accuracy),
        probabilities=certainty_finding(evaluation),
    )
