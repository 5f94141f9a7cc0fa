"""The titles of a model card's pictures: each states what its figures say, and no more."""

from dataclasses import replace

import numpy as np
import pytest

from sentiment_common.intervals import Interval, wilson
from training_job.card import findings
from training_job.measure.evaluate import Confusion, Slice, evaluate


def _metric(value: float, half: float = 0.01) -> Interval:
    return Interval(value=value, low=value - half, high=value + half)


@pytest.mark.parametrize(
    ("before", "after", "finding"),
    [
        (0.056, 0.050, "Temperature 0.87 lowers the calibration error from 0.056 (0.046 to 0.066) to 0.050 (0.040"),
        (0.050, 0.056, "Temperature 0.87 raises the calibration error from 0.050"),
        (0.0501, 0.0499, "Temperature 0.87 leaves the calibration error at 0.050"),
    ],
)
def test_calibration_says_which_way_the_error_went(before: float, after: float, finding: str) -> None:
    assert findings.calibration_finding(0.8743, _metric(before), _metric(after)).startswith(finding)


def test_confusion_gives_the_share_of_each_true_label() -> None:
    counts = Confusion(true_negative=84, false_positive=16, false_negative=30, true_positive=170)
    finding = findings.confusion_finding(counts, ("negative", "positive"))
    assert (
        finding == "84.0 % of the negative texts and 85.0 % of the positive texts are answered rightly (300 test rows)"
    )
    one_sided = findings.confusion_finding(Confusion(9, 1, 0, 0), ("bad", "good"))
    assert one_sided == "90.0 % of the bad texts are answered rightly (10 test rows)"


def test_the_weakest_kind_of_text_is_named_only_where_it_is_measurably_weaker() -> None:
    overall = wilson(1722, 2000)
    long, tiny = Slice("tokens > 381", 500, wilson(403, 500)), Slice("tiny", 29, wilson(0, 29))
    plain = Slice("ASCII only", 900, wilson(774, 900))
    finding = findings.slice_finding([plain, long, tiny], overall)
    assert finding == "Weakest: tokens > 381, 80.6 % (76.9 to 83.8 %), against 86.1 % on all test rows"
    assert findings.slice_finding([plain, tiny], overall).startswith(
        "No kind of text is measurably weaker; the lowest: ASCII only, 86.0 % ("
    )
    assert findings.slice_finding([tiny], overall) == "No kind of text has the 30 test rows that a comparison needs"


def test_training_names_the_best_validation_with_its_interval() -> None:
    curves = {"train_loss": [(1.0, 0.1)], "validation_accuracy": [(45.0, 0.86), (51.0, 0.89), (63.0, 0.89)]}
    interval = wilson(89, 100)
    finding = findings.training_finding(curves, 100)
    bounds = f"({100 * interval.low:.1f} to {100 * interval.high:.1f} %)"
    assert finding == f"Best validation accuracy: 89.0 % {bounds} of 100 rows, at step 51"
    assert findings.training_finding(curves, 0) == "Best validation accuracy: 89.0 %, at step 51"
    losses = {"train_loss": [(1.0, 0.1)], "validation_loss": [(1200.0, 0.31), (1400.0, 0.33)]}
    assert findings.training_finding(losses, 0) == "Lowest validation loss 0.310 at step 1,200"
    assert findings.training_finding({}, 0) == "No validation was recorded"


def test_certainty_counts_the_sure_answers_of_both_labels() -> None:
    labels = np.array([0, 1, 1, 0])
    base = evaluate(["a"] * 4, labels, np.zeros(4), np.ones(4, int), np.zeros(4, bool), temperature=1, threshold=0.5)
    some = replace(base, probability=np.array([0.05, 0.96, 0.03, 0.6], np.float32))
    right = wilson(2, 3)
    assert findings.certainty_finding(some) == (
        "75.0 % of the answers have 90 % confidence or more; "
        f"66.7 % ({100 * right.low:.1f} to {100 * right.high:.1f} %) of these are right"
    )
    assert findings.certainty_finding(base) == "No answer reaches 90 % confidence"
