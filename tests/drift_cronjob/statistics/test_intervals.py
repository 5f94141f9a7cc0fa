import numpy as np
import pytest
from scipy.stats import ttest_ind

from drift_cronjob.statistics.intervals import mean_difference, newcombe
from sentiment_common.intervals import wilson


def test_newcombe_agrees_with_his_paper() -> None:
    """Newcombe (1998), table II, method 10: 56/70 - 48/80 and 9/10 - 3/10."""
    for a, b, low, high in (((56, 70), (48, 80), 0.0524, 0.3339), ((9, 10), (3, 10), 0.1705, 0.8090)):
        difference = newcombe(wilson(*a), wilson(*b))
        assert (difference.low, difference.high) == pytest.approx((low, high), abs=5e-5)


def test_mean_difference_is_close_to_welchs_interval() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.normal(1, 1, 400), rng.normal(0, 3, 300)
    theirs = ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    ours = mean_difference(a, b)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.01)


def test_a_single_value_is_refused() -> None:
    with pytest.raises(ValueError, match="two values"):
        mean_difference(np.ones(1), np.ones(5))
