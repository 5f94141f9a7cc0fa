import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from drift_cronjob.statistics.multiple_testing import benjamini_hochberg, benjamini_hochberg_cut

p_lists = st.lists(st.floats(0, 1), min_size=1, max_size=40)


@given(p_lists)
def test_adjusted_p_values_agree_with_scipy(p_values: list[float]) -> None:
    np.testing.assert_allclose(benjamini_hochberg(p_values), false_discovery_control(p_values, method="bh"))


@given(p_lists, st.sampled_from([0.01, 0.05, 0.2]))
def test_the_cut_and_the_adjusted_p_values_agree(p_values: list[float], level: float) -> None:
    p = np.array(p_values)
    adjusted = benjamini_hochberg(p)
    clear = np.abs(adjusted - level) > 1e-9  # at the boundary itself rounding may go either way
    np.testing.assert_array_equal((p <= benjamini_hochberg_cut(p, level))[clear], (adjusted <= level)[clear])


def test_a_known_example() -> None:
    p = [0.01, 0.02, 0.03, 0.5]
    np.testing.assert_allclose(benjamini_hochberg(p), [0.04, 0.04, 0.04, 0.5])
    assert benjamini_hochberg_cut(p, 0.05) == pytest.approx(0.0375)
    assert benjamini_hochberg_cut([0.3, 0.9], 0.05) == pytest.approx(0.025)


@pytest.mark.parametrize("bad", [[0.5, 1.2], [-0.1], [float("nan")], [[0.1, 0.2]]])
def test_values_that_are_not_p_values_are_refused(bad: list[float]) -> None:
    with pytest.raises(ValueError, match="p-values"):
        benjamini_hochberg(bad)
