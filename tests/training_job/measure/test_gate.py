"""The gate stops what is measurably worse, and no more."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from training_job.measure.gate import judge, mcnemar, refuse_constant, refuse_rows


def _answers(both: int, gained: int, lost: int, neither: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Right answers of champion and challenger with these counts, and labels of which every second is positive."""
    champion = [True] * both + [False] * gained + [True] * lost + [False] * neither
    challenger = [True] * both + [True] * gained + [False] * lost + [False] * neither
    return np.array(champion), np.array(challenger), np.arange(len(champion)) % 2


def test_a_better_and_an_equal_release_pass() -> None:
    better = judge("abcd", *_answers(800, 60, 20, 120))
    assert better.passed and better.difference is not None and better.difference.value == pytest.approx(0.04)
    assert better.champion == "abcd" and better.champion_accuracy == pytest.approx(0.82)
    assert "accuracy 0.8600 against 0.8200 of the champion abcd on the same 1,000 rows: +4.00 points" in better.reason
    same = judge("abcd", *_answers(900, 0, 0, 100))
    assert same.passed and same.p_value == 1.0


def test_a_little_worse_passes_and_measurably_worse_does_not() -> None:
    assert judge("abcd", *_answers(850, 45, 55, 50)).passed  # 1 point of 1,000 rows is within chance
    failed = judge("abcd", *_answers(850, 30, 70, 50))
    assert not failed.passed and failed.p_value is not None and failed.p_value < 0.001
    assert failed.reason.endswith("; measurably worse in accuracy and balanced accuracy")
    assert not judge("abcd", *_answers(21_000, 1_200, 1_400, 1_400)).passed  # 0.8 points of 25,000 rows are not


def test_equally_good_releases_are_rarely_stopped() -> None:
    """With a 95 % interval a release as good as the champion is stopped in 2.5 % of all cases."""
    rng = np.random.default_rng(0)
    stopped = 0
    for _ in range(1000):
        gained = rng.binomial(100, 0.5)
        stopped += not judge("abcd", *_answers(850, gained, 100 - gained, 50)).passed
    assert stopped <= 45


@given(st.integers(0, 60), st.integers(0, 60))
def test_the_p_value_is_the_exact_ones_less_half_the_case_seen(gained: int, lost: int) -> None:
    found = mcnemar(gained, lost)
    assert 0 < found <= 1 and found == mcnemar(lost, gained)
    if gained + lost:
        assert found <= binomtest(gained, gained + lost, 0.5).pvalue + 1e-12


@given(st.integers(0, 500), st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
def test_one_more_right_answer_never_closes_the_gate(both: int, gained: int, lost: int, neither: int) -> None:
    counts = [
        (both, gained, lost + 2, neither),
        (both + 1, gained, lost + 1, neither),
        (both + 1, gained + 1, lost + 1, neither),
    ]
    verdicts = [judge("abcd", *_answers(*count)).passed for count in counts]
    assert all(later or not earlier for earlier, later in itertools.pairwise(verdicts))


def test_answers_to_other_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="2 answers of the champion, 3 of the challenger"):
        judge("abcd", np.array([True, False]), np.array([True, False, True]), np.array([0, 1]))
    with pytest.raises(ValueError, match="0 answers"):
        judge("abcd", np.array([], dtype=bool), np.array([], dtype=bool), np.array([], dtype=int))


def test_a_rare_label_is_not_given_up_for_accuracy() -> None:
    """Of 1,000 rows ten are positive: answering one of them is worth less accuracy than 20 false alarms cost."""
    labels = np.arange(1000) < 10
    champion = np.where(labels, True, np.arange(1000) >= 30)
    almost_constant = np.where(labels, np.arange(1000) < 1, True)
    gate = judge("abcd", champion, almost_constant, labels.astype(int))
    assert gate.difference is not None and gate.difference.low > 0  # by accuracy alone it would be the better one
    assert not gate.passed and gate.reason.endswith("; measurably worse in balanced accuracy")
    assert gate.balanced_difference is not None
    assert gate.balanced_difference.value == pytest.approx((20 / 990 - 0.9) / 2)


def test_a_constant_answer_does_not_pass() -> None:
    refused = refuse_constant(np.zeros(200, dtype=int), ("negative", "positive"))
    assert refused is not None and not refused.passed
    assert "answers each of 200 test rows with negative, as a constant would" in refused.reason
    assert refuse_constant(np.array([0] * 199 + [1]), ("negative", "positive")) is None


def test_too_few_common_rows_are_refused_by_number() -> None:
    labels = np.arange(120) % 2
    few = refuse_rows("abcd", np.arange(120) < 40, labels)
    assert few is not None and not few.passed and few.champion == "abcd"
    assert few.reason.startswith(
        "40 of 120 test rows are known to be new to both it and the champion abcd; 50 with both labels are"
    )
    assert refuse_rows("abcd", np.arange(120) < 50, labels) is None
    one = refuse_rows("abcd", labels == 1, labels)
    assert (
        one is not None
        and "60 of 120 test rows are known to be new to both it and the champion abcd, none of them negative;"
        in (one.reason)
    )
    none = refuse_rows("abcd", np.zeros(120, dtype=bool), labels)
    assert none is not None and none.reason.startswith(
        "0 of 120 test rows are known to be new to both it and the champion abcd; 50"
    )
    small = refuse_rows("abcd", np.ones(40, dtype=bool), labels[:40])
    assert small is not None and small.reason.startswith("there are 40 test rows; 50 are needed")
