"""Figures of merit: known values, agreement with other implementations, and what must hold for any input."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from sentiment_common.intervals import wilson
from training_job.measure import evaluate
from training_job.measure.evaluate import Confusion

counts = st.integers(0, 400)


@st.composite
def answers(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Labels i[n] and probabilities f[n], ties and extremes included."""
    rows = draw(st.lists(st.tuples(st.booleans(), st.floats(0, 1, width=32)), min_size=1, max_size=120))
    labels, probability = zip(*rows, strict=True)
    return np.array(labels, dtype=np.int64), np.array(probability)


@given(counts, counts, counts, counts)
def test_f1_is_sklearns_and_lies_in_its_interval(tn: int, fp: int, fn: int, tp: int) -> None:
    metric = evaluate.f1(Confusion(tn, fp, fn, tp))
    assert 0 <= metric.low <= metric.value <= metric.high <= 1
    if tp + fp + fn == 0:
        assert (metric.value, metric.low, metric.high) == (0, 0, 1)
        return
    labels = np.repeat([0, 0, 1, 1], [tn, fp, fn, tp])
    predicted = np.repeat([0, 1, 0, 1], [tn, fp, fn, tp])
    assert metric.value == pytest.approx(f1_score(labels, predicted, zero_division=0))


def test_f1_interval_covers_the_truth_about_95_times_in_100() -> None:
    shares = np.array([0.42, 0.06, 0.08, 0.44])  # tn, fp, fn, tp
    truth = 2 * 0.44 / (2 * 0.44 + 0.06 + 0.08)
    tables = np.random.default_rng(2).multinomial(150, shares, size=3000)
    intervals = [evaluate.f1(Confusion(*(int(cell) for cell in table))) for table in tables]
    assert 0.93 < np.mean([item.low <= truth <= item.high for item in intervals]) < 0.975


def test_confusion_counts_each_outcome_once() -> None:
    found = evaluate.confusion(np.array([0, 0, 0, 1, 1, 1]), np.array([0, 0, 1, 0, 1, 1]))
    assert found == Confusion(true_negative=2, false_positive=1, false_negative=1, true_positive=2)
    assert found.rows == 6


@given(answers(), st.randoms(use_true_random=False))
def test_calibration_error_is_a_share_and_ignores_the_order_of_rows(data: tuple, random: object) -> None:
    labels, probability = data
    order = np.arange(len(labels))
    random.shuffle(order)  # type: ignore[attr-defined]
    one = evaluate.expected_calibration_error(labels, probability)
    other = evaluate.expected_calibration_error(labels[order], probability[order])
    assert one.value == pytest.approx(other.value, abs=1e-9)
    assert 0 <= one.low <= one.value + 1e-12
    assert one.value <= one.high + 1e-12 <= 1 + 1e-9


@given(answers())
def test_calibration_error_is_the_weighted_gap_of_the_reliability_bins(data: tuple) -> None:
    labels, probability = data
    bins = evaluate.reliability(labels, probability)
    assert sum(item.rows for item in bins) == len(labels)
    gap = sum(item.rows * abs(item.accuracy.value - item.confidence) for item in bins) / len(labels)
    assert gap == pytest.approx(evaluate.expected_calibration_error(labels, probability).value, abs=1e-9)


def test_calibration_error_sees_what_is_overconfident_and_what_is_not() -> None:
    rng = np.random.default_rng(3)
    probability = rng.uniform(0.02, 0.98, 20_000)
    labels = (rng.random(20_000) < probability).astype(int)
    assert evaluate.expected_calibration_error(labels, probability).value < 0.015
    overconfident = 1 / (1 + np.exp(-3 * np.log(probability / (1 - probability))))
    metric = evaluate.expected_calibration_error(labels, overconfident)
    assert metric.value > 0.1
    assert metric.low > 0.05


def test_calibration_error_of_one_confidence_everywhere() -> None:
    labels = np.array([1] * 70 + [0] * 30)
    assert evaluate.expected_calibration_error(labels, np.full(100, 0.9)).value == pytest.approx(0.2)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=200))
def test_paired_difference_is_the_difference_of_accuracies(rows: list[tuple[bool, bool]]) -> None:
    a, b = (np.array(column, dtype=np.bool_) for column in zip(*rows, strict=True))
    metric = evaluate.paired_difference(a, b)
    assert metric.value == pytest.approx(b.mean() - a.mean())
    assert -1 <= metric.low <= metric.value <= metric.high <= 1
    swapped = evaluate.paired_difference(b, a)
    assert (swapped.low, swapped.high) == pytest.approx((-metric.high, -metric.low))


def test_paired_difference_is_much_tighter_than_an_unpaired_one() -> None:
    a = np.array([True] * 1800 + [False] * 200)
    b = a.copy()
    b[[0, 1, 1999]] = [False, False, True]
    metric = evaluate.paired_difference(a, b)
    assert metric.value == pytest.approx(-1 / 2000)
    assert metric.high - metric.low < 0.005


TEXTS = ["a good film", "not a good film", "<br />never dull", "un très bon film", "plain " * 40]


def _evaluated(temperature: float = 1.0) -> evaluate.Evaluation:
    return evaluate.evaluate(
        TEXTS,
        np.array([1, 0, 1, 1, 0]),
        np.array([2.0, -1.0, 0.5, -0.5, -3.0], dtype=np.float32),
        np.array([5, 6, 7, 8, 42]),
        np.array([False, False, False, False, True]),
        temperature=temperature,
        threshold=0.5,
    )


def test_evaluation_of_five_rows_by_hand() -> None:
    found = _evaluated()
    assert found.confusion == Confusion(2, 0, 1, 2)
    assert found.accuracy.value == pytest.approx(0.8)
    assert found.f1.value == pytest.approx(0.8)
    expected = np.logaddexp(0, -np.array([2, 1, 0.5, -0.5, 3])).mean()
    assert found.nll.value == pytest.approx(expected, abs=1e-6)
    assert found.brier.value == pytest.approx(np.mean((found.probability - [1, 0, 1, 1, 0]) ** 2))
    parts = {part.name: part for part in found.slices}
    assert parts["with an English negation"].rows == 2
    assert parts["with HTML tags"].rows == 1
    assert parts["with non-ASCII characters"].accuracy.value == 0
    assert parts["cut at the token limit"].rows == 1
    assert sum(part.rows for name, part in parts.items() if name.startswith("tokens")) == 5


def test_temperature_moves_confidence_and_not_the_answers() -> None:
    cool, warm = _evaluated(), _evaluated(temperature=4.0)
    assert warm.accuracy == cool.accuracy
    assert warm.ece_before == cool.ece_before
    assert np.abs(warm.probability - 0.5).max() < np.abs(cool.probability - 0.5).max()


def test_parts_without_rows_are_left_out_and_equal_lengths_make_one_quartile() -> None:
    found = evaluate.slices(["same"] * 4, np.full(4, 3), np.zeros(4, bool), np.ones(4, bool))
    assert [part.name for part in found] == [
        "tokens ≤ 3",
        "without an English negation",
        "without HTML tags",
        "ASCII only",
    ]


def test_nothing_to_evaluate() -> None:
    with pytest.raises(ValueError, match="no test rows"):
        nothing = np.zeros(0, dtype=np.int64)
        evaluate.evaluate([], nothing, nothing, nothing, nothing.astype(bool), temperature=1, threshold=0.5)


def test_a_constant_answer_has_half_of_the_balanced_accuracy() -> None:
    labels = (np.arange(500) < 5).astype(int)
    size = np.full(500, 7)
    found = evaluate.evaluate(
        ["a text"] * 500, labels, np.full(500, -2.0), size, size < 0, temperature=1, threshold=0.5
    )
    assert found.accuracy == found.constant_accuracy == wilson(495, 500) and found.constant_label == 0
    assert found.balanced_accuracy.value == 0.5 and 0.25 <= found.balanced_accuracy.low < 0.5
    assert evaluate.balanced_accuracy(evaluate.Confusion(3, 1, 0, 0)).low == 0.0  # undefined without positive rows
    counts = evaluate.Confusion(90, 10, 1, 9)
    found_balanced = evaluate.balanced_accuracy(counts)
    assert found_balanced.value == pytest.approx(0.9) and found_balanced.low < 0.9 < found_balanced.high
