"""Concept drift in the model's scores: margins and confidences."""

import numpy as np

from drift_cronjob.detectors.univariate import Contrast, compare
from drift_cronjob.statistics.intervals import mean_difference
from drift_cronjob.statistics.statistic import FloatArray, Statistic
from drift_cronjob.statistics.wording import number, percent


def _standardised(distance: float, reference: FloatArray) -> float:
    return distance / (float(reference.std()) or 1.0)  # a constant reference has no scale


def _certainty(before: float, now: float) -> str:
    """One sentence on the mean confidence of window and reference."""
    if percent(before) == percent(now):
        return f"The model is about as sure of its answers as in the reference: confidence {percent(now)} on average"
    return (
        f"The model is {'more' if now > before else 'less'} sure of its answers: "
        f"confidence {percent(now)} on average against {percent(before)} in the reference"
    )


def score_drift(
    reference_margin: FloatArray,
    window_margin: FloatArray,
    reference_confidence: FloatArray,
    window_confidence: FloatArray,
    reference_correct: FloatArray,
    permutations: int,
    rng: np.random.Generator,
) -> list[Statistic]:
    """Test margins, confidences and the accuracy that they imply, on n reference rows and m window rows.

    Margin and confidence: Wasserstein distances with permutation p-values. The effect is the distance in standard
    deviations of the reference; a share s of foreign texts gives s times the effect of foreign texts alone. Valid for
    continuous columns and under ties. These tests show that scores moved, not that answers became worse: a changed mix
    of labels moves only the margin.

    Estimated accuracy: confidence-based performance estimation (as NannyML's CBPE). The mean calibrated confidence is
    the expected accuracy; the reference's gap between confidence and accuracy (`reference_correct`, 0 or 1 per row) is
    subtracted. The test is one-sided: has the mean confidence fallen? Valid while calibration holds, as it does when
    the mix of texts changes. Fails under true concept drift, where the same texts get another meaning, and for texts so
    foreign that the model is confidently wrong; only feedback shows either.
    """
    contrasts = [
        Contrast("wasserstein", reference_margin, window_margin),
        Contrast("wasserstein", reference_confidence, window_confidence),
        Contrast("fall", reference_confidence, window_confidence),
    ]
    margin, confidence, fall = compare(contrasts, permutations, rng)
    n, m = reference_margin.size, window_margin.size
    before, now = float(np.median(reference_margin)), float(np.median(window_margin))
    sure_before, sure_now = float(reference_confidence.mean()), float(window_confidence.mean())
    expected = mean_difference(window_confidence, reference_confidence - reference_correct)
    low, high = max(0.0, expected.low), min(1.0, expected.high)
    return [
        Statistic(
            name="margin",
            family="concept",
            value=margin.value,
            p_value=margin.p_value,
            effect=_standardised(margin.value, reference_margin),
            n_reference=n,
            n_window=m,
            note=f"The model's margins have a median of {number(now)}, against {number(before)} in the reference",
        ),
        Statistic(
            name="confidence",
            family="concept",
            value=confidence.value,
            p_value=confidence.p_value,
            effect=_standardised(confidence.value, reference_confidence),
            n_reference=n,
            n_window=m,
            note=_certainty(sure_before, sure_now),
        ),
        Statistic(
            name="estimated_accuracy",
            family="performance",
            value=min(1.0, max(0.0, expected.value)),
            p_value=fall.p_value,
            effect=max(0.0, fall.value),
            n_reference=n,
            n_window=m,
            note=(
                f"Judged by its confidence, the model is right for {percent(min(1.0, expected.value))} of the texts "
                f"(between {percent(low)} and {percent(high)}), against {percent(float(reference_correct.mean()))} "
                "in the reference"
            ),
        ),
    ]
