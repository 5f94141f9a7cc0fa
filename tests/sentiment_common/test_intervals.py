import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from sentiment_common.intervals import wilson


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_agrees_with_scipy(counts: tuple[int, int]) -> None:
    successes, total = counts
    theirs = binomtest(successes, total).proportion_ci(0.95, method="wilson")
    ours = wilson(successes, total)
    np.testing.assert_allclose([ours.low, ours.high], [theirs.low, theirs.high], atol=1e-9)
    assert 0 <= ours.low <= ours.value <= ours.high <= 1


@pytest.mark.parametrize(("successes", "total"), [(0, 0), (3, 2), (-1, 4)])
def test_impossible_counts_are_refused(successes: int, total: int) -> None:
    with pytest.raises(ValueError, match="is not a share"):
        wilson(successes, total)


def test_wilson_covers_the_truth_about_95_times_in_100() -> None:
    drawn = np.random.default_rng(1).binomial(80, 0.93, size=4000)
    intervals = [wilson(int(k), 80) for k in drawn]
    covered = np.mean([item.low <= 0.93 <= item.high for item in intervals])
    assert 0.93 < covered < 0.975
