"""Scores, labels and accuracies: values against hand calculation, intervals against simulation, power."""

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from drift_cronjob.detectors.descriptors import descriptor_drift
from drift_cronjob.detectors.feedback import feedback_accuracy
from drift_cronjob.detectors.labels import estimated_positive_share, label_shift
from drift_cronjob.detectors.scores import score_drift
from drift_cronjob.statistics.statistic import Statistic


def scored(rng: np.random.Generator, rows: int, sure: float = 2.5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Margins, confidences and correctness of a perfectly calibrated model."""
    margin = rng.choice([-sure, sure], rows) + rng.normal(0, 1.5, rows)
    positive = 1 / (1 + np.exp(-margin))
    confidence = np.maximum(positive, 1 - positive)
    return margin, confidence, (rng.random(rows) < confidence).astype(float)


def scores(rng: np.random.Generator, sure: float) -> dict[str, Statistic]:
    margin, confidence, correct = scored(rng, 1500)
    now, sure_now, _ = scored(rng, 1000, sure)
    found = score_drift(margin, now, confidence, sure_now, correct, 399, rng)
    assert found[0].value == pytest.approx(wasserstein_distance(margin, now))
    return {statistic.name: statistic for statistic in found}


def test_similar_scores_show_little() -> None:
    found = scores(np.random.default_rng(1), 2.5)
    assert min(statistic.p_value for statistic in found.values()) > 0.02
    assert found["margin"].effect < 0.1


def test_less_sure_scores_are_found_in_all_three() -> None:
    found = scores(np.random.default_rng(2), 0.7)
    assert all(statistic.p_value == pytest.approx(1 / 400) for statistic in found.values())
    assert found["estimated_accuracy"].effect > 0.1
    assert "less sure" in found["confidence"].note


def test_a_surer_model_is_no_fall_of_accuracy() -> None:
    found = scores(np.random.default_rng(3), 4.0)
    assert found["estimated_accuracy"].p_value > 0.99
    assert found["confidence"].p_value < 0.01


def test_estimated_accuracy_is_right_for_another_mix_of_texts() -> None:
    rng = np.random.default_rng(4)
    errors = []
    for _ in range(30):
        margin, confidence, correct = scored(rng, 1500)
        now, sure_now, truth = scored(rng, 1500, 1.2)
        found = score_drift(margin, now, confidence, sure_now, correct, 1, rng)[2]
        errors.append(found.value - truth.mean())
    assert abs(np.mean(errors)) < 0.01


def test_constant_scores_do_not_divide_by_zero() -> None:
    ones = np.ones(50)
    margin, confidence, fall = score_drift(ones, ones, ones, ones, ones, 19, np.random.default_rng(0))
    assert (margin.effect, confidence.effect, fall.effect) == (0.0, 0.0, 0.0)
    moved = score_drift(ones, 2 * ones, ones, ones, ones, 19, np.random.default_rng(0))[0]
    assert np.isfinite(moved.effect)


def labels(rng: np.random.Generator, rows: int, share: float, right: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
    truth = (rng.random(rows) < share).astype(np.int8)
    return truth, np.where(rng.random(rows) < right, truth, 1 - truth).astype(np.int8)


def test_label_shift_estimates_the_true_share() -> None:
    """The 95 % interval of black-box shift estimation contains the true share about that often."""
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(300):
        truth, answers = labels(rng, 800, 0.5)
        now = labels(rng, 600, 0.8)[1]
        interval = estimated_positive_share(truth, answers, now)
        assert interval is not None
        covered += interval.low <= 0.8 <= interval.high
    assert 0.91 <= covered / 300 <= 0.99


def test_label_shift_is_found_with_its_shares() -> None:
    rng = np.random.default_rng(6)
    truth, answers = labels(rng, 1000, 0.5)
    found = label_shift(truth, answers, labels(rng, 500, 0.75)[1])
    assert found.p_value < 1e-4
    assert found.effect == pytest.approx(0.2, abs=0.06)
    assert "of the answers are positive" in found.note
    assert label_shift(truth, answers, labels(rng, 500, 0.5)[1]).p_value > 0.01


def test_a_guessing_model_or_a_single_class_gives_no_estimate() -> None:
    rng = np.random.default_rng(7)
    truth, guesses = labels(rng, 2000, 0.5, right=0.5)
    assert estimated_positive_share(truth, guesses, guesses) is None
    ones = np.ones(50, dtype=np.int8)
    assert estimated_positive_share(ones, ones, ones) is None
    assert label_shift(ones, ones, ones).p_value == 1.0


def test_feedback_finds_a_fall_and_ignores_a_rise() -> None:
    reference = np.arange(1000) < 900
    fallen = feedback_accuracy(reference, np.arange(200) < 150)
    assert fallen.p_value < 1e-4
    assert fallen.effect == pytest.approx(0.15)
    assert "75 %" in fallen.note and "90 %" in fallen.note
    risen = feedback_accuracy(reference, np.ones(200, dtype=bool))
    assert (risen.effect, risen.p_value) == (0.0, pytest.approx(1.0))


def test_feedback_alarms_at_most_as_often_as_stated() -> None:
    rng = np.random.default_rng(8)
    p = [feedback_accuracy(rng.random(500) < 0.9, rng.random(60) < 0.9).p_value for _ in range(500)]
    assert np.mean(np.array(p) <= 0.05) <= 0.08


def test_descriptors_describe_the_change_in_plain_words() -> None:
    rng = np.random.default_rng(9)
    long, short = rng.poisson(173, (300, 1)) * 1.0, rng.poisson(18, (200, 1)) * 1.0
    tags_before, tags_now = rng.poisson(0.4, (300, 1)) * 1.0, np.zeros((200, 1))
    found = descriptor_drift(
        ["words", "html_tags", "unheard_of"],
        np.hstack([long, tags_before, long]),
        np.hstack([short, tags_now, short]),
        199,
        rng,
    )
    assert found[0].note.startswith("Texts are much shorter than in the reference: median 18 words against 17")
    assert "fewer HTML tags" in found[1].note
    assert "mean 0 a text against 0." in found[1].note
    assert found[2].note.startswith("Unheard of is much lower")
    assert all(statistic.p_value == pytest.approx(1 / 200) for statistic in found)


def test_equal_confidences_are_not_called_a_rise() -> None:
    confidence = np.linspace(0.7, 1.0, 60)
    margins, right, rng = np.linspace(-2, 2, 60), np.ones(60), np.random.default_rng(0)
    for shift, wording in ((0.0001, "about as sure of its answers as in"), (-0.05, "less sure"), (0.05, "more sure")):
        statistics = score_drift(margins, margins, confidence - 0.1, confidence - 0.1 + shift, right, 19, rng)
        assert wording in next(s.note for s in statistics if s.name == "confidence")
