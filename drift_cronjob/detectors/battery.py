"""Run every detector that has enough rows."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from drift_cronjob.detectors.classifier import classifier_two_sample
from drift_cronjob.detectors.descriptors import descriptor_drift
from drift_cronjob.detectors.feedback import feedback_accuracy
from drift_cronjob.detectors.kernel import maximum_mean_discrepancy
from drift_cronjob.detectors.labels import label_shift
from drift_cronjob.detectors.scores import score_drift
from drift_cronjob.statistics.permutation import permutations_needed
from drift_cronjob.statistics.statistic import Statistic
from drift_cronjob.window.sample import Sample

_SCORE_TESTS = 4  # margin, confidence, estimated accuracy, label share


@dataclass(frozen=True, slots=True)
class BatteryLimits:
    """Limits on rows and computation. `permutations` 0 means twice the smallest number that allows a finding."""

    alpha: float = 0.05
    permutations: int = 0
    max_rows: int = 20_000
    classifier_rows: int = 5_000
    kernel_rows: int = 2_000
    min_rows: int = 50
    min_feedback: int = 30


@dataclass(frozen=True, slots=True)
class Battery:
    """The statistics of a check, and a sentence for each test that could not run."""

    statistics: list[Statistic]
    skipped: list[str] = field(default_factory=list)
    permutations: int = 0


def run_battery(
    names: Sequence[str],
    reference: Sample,
    window: Sample,
    feedback_correct: npt.NDArray[np.bool_],
    limits: BatteryLimits,
    rng: np.random.Generator,
) -> Battery:
    """Compare the window with the reference by every test for which both have enough rows.

    `names[d]` are the descriptors' columns; `feedback_correct[k]` marks the answers that true labels confirm. Samples
    are cut to `limits.max_rows`. The number of permutations follows from the number of tests (`permutations_needed`).
    """
    reference, window = reference.at_most(limits.max_rows, rng), window.at_most(limits.max_rows, rng)
    correct = reference.label == reference.true_label
    skipped: list[str] = []
    tests = _SCORE_TESTS
    described = min(len(reference.described), len(window.described)) >= limits.min_rows
    sketched = min(len(reference.sketched), len(window.sketched)) >= limits.min_rows
    labelled = feedback_correct.size >= limits.min_feedback
    for runs, count, missing in (
        (described, len(names), f"text descriptors: fewer than {limits.min_rows} rows have them"),
        (sketched, 2, f"embeddings: fewer than {limits.min_rows} rows have a sketch"),
        (labelled, 1, f"accuracy by feedback: {feedback_correct.size} true labels, {limits.min_feedback} are needed"),
    ):
        tests += count if runs else 0
        skipped += [] if runs else [missing]
    needed = permutations_needed(tests, limits.alpha)
    # With only `needed`, a single chance exceedance hides a lone finding; with 2 * needed + 1 it does not.
    permutations = max(limits.permutations, needed) if limits.permutations else 2 * needed + 1

    statistics: list[Statistic] = []
    if described:
        statistics += descriptor_drift(names, reference.described, window.described, permutations, rng)
    if sketched:
        pair = reference.sketched, window.sketched
        statistics.append(classifier_two_sample(*pair, permutations, rng, limits.classifier_rows))
        statistics.append(maximum_mean_discrepancy(*pair, permutations, rng, limits.kernel_rows))
    scores = score_drift(
        reference.margin,
        window.margin,
        reference.confidence,
        window.confidence,
        correct.astype(np.float64),
        permutations,
        rng,
    )
    statistics += scores
    statistics.append(label_shift(reference.true_label, reference.label, window.label))
    if labelled:
        statistics.append(feedback_accuracy(correct, feedback_correct))
    return Battery(statistics, skipped, permutations)
