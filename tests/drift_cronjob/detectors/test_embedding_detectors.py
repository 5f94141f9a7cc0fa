"""Classifier two-sample test and MMD: level under the null, power against shifts, edges."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import kstest

from drift_cronjob.detectors.classifier import classifier_two_sample
from drift_cronjob.detectors.kernel import maximum_mean_discrepancy
from drift_cronjob.statistics.statistic import Statistic

Detector = Callable[..., Statistic]
BOTH = pytest.mark.parametrize("detector", [classifier_two_sample, maximum_mean_discrepancy])


def cloud(rng: np.random.Generator, rows: int, shift: float = 0.0, spread: float = 1.0) -> np.ndarray:
    """Sketch-like rows: 64 columns of 8 latent ones, heavy-tailed, in half precision."""
    mix = np.random.default_rng(5).normal(size=(8, 64)) / 3
    latent = rng.standard_t(5, size=(rows, 8)) * spread
    latent[:, 0] += shift
    return (latent @ mix).astype(np.float16).astype(np.float64)


@BOTH
def test_p_values_are_uniform_under_the_null(detector: Detector) -> None:
    rng = np.random.default_rng(3)
    p = np.array([detector(cloud(rng, 70), cloud(rng, 50), 99, rng).p_value for _ in range(200)])
    assert kstest(p - rng.random(200) / 100, "uniform").pvalue > 0.001


@BOTH
def test_a_shifted_mean_is_found(detector: Detector) -> None:
    rng = np.random.default_rng(4)
    for _ in range(5):
        found = detector(cloud(rng, 400), cloud(rng, 300, shift=1.5), 199, rng)
        assert found.p_value == pytest.approx(1 / 200)
        assert found.effect > 0.1


def test_only_mmd_detects_a_changed_spread() -> None:
    rng = np.random.default_rng(6)
    wider = [(cloud(rng, 400), cloud(rng, 400, spread=1.6)) for _ in range(5)]
    assert all(maximum_mean_discrepancy(*pair, 199, rng).p_value < 0.01 for pair in wider)
    assert np.mean([classifier_two_sample(*pair, 199, rng).p_value for pair in wider]) > 0.1


@BOTH
def test_the_effect_grows_with_the_share_of_foreign_rows(detector: Detector) -> None:
    rng = np.random.default_rng(8)
    reference = cloud(rng, 1500)
    effects = [
        detector(
            reference, np.concatenate([cloud(rng, round(1500 * (1 - s))), cloud(rng, round(1500 * s), 4.0)]), 19, rng
        ).effect
        for s in (0.25, 0.5, 1.0)
    ]
    assert effects[0] == pytest.approx(effects[2] / 4, rel=0.35)
    assert effects[1] == pytest.approx(effects[2] / 2, rel=0.35)


def test_mmd_agrees_with_its_definition() -> None:
    rng = np.random.default_rng(9)
    x, y = rng.normal(size=(9, 3)), rng.normal(0.5, 1, size=(6, 3))
    pooled = np.concatenate([x, y])
    squared = ((pooled[:, None] - pooled[None]) ** 2).sum(-1)
    kernel = np.exp(-squared / (2 * np.median(squared[np.triu_indices(15, 1)])))
    xx, yy, xy = kernel[:9, :9], kernel[9:, 9:], kernel[:9, 9:]
    expected = (xx.sum() - 9) / 72 + (yy.sum() - 6) / 30 - 2 * xy.mean()
    assert maximum_mean_discrepancy(x, y, 9, rng).value == pytest.approx(expected, abs=1e-5)


def test_mmd_s_p_value_agrees_with_recomputed_kernels() -> None:
    rng = np.random.default_rng(10)
    x, y = rng.normal(size=(30, 4)), rng.normal(0.35, 1, size=(20, 4))
    pooled = np.concatenate([x, y])
    squared = ((pooled[:, None] - pooled[None]) ** 2).sum(-1)
    kernel = np.exp(-squared / (2 * np.median(squared[np.triu_indices(50, 1)])))

    def biased(order: np.ndarray) -> float:
        k = kernel[np.ix_(order, order)]
        return float(k[:30, :30].mean() + k[30:, 30:].mean() - 2 * k[:30, 30:].mean())

    observed = biased(np.arange(50))
    slow = np.mean([biased(rng.permutation(50)) >= observed - 1e-12 for _ in range(4000)])
    assert maximum_mean_discrepancy(x, y, 4000, rng).p_value == pytest.approx(slow, abs=0.03)


@BOTH
def test_equal_rows_show_nothing(detector: Detector) -> None:
    same = np.ones((40, 64))
    found = detector(same, same, 99, np.random.default_rng(0))
    assert (found.p_value, found.effect) == (1.0, 0.0)


@BOTH
def test_rows_are_capped_and_too_few_rows_are_refused(detector: Detector) -> None:
    rng = np.random.default_rng(0)
    found = detector(cloud(rng, 300), cloud(rng, 200), 19, rng, max_rows=150)
    assert (found.n_reference, found.n_window) == (150, 150)
    with pytest.raises(ValueError, match="at least"):
        detector(cloud(rng, 10), cloud(rng, 1), 19, rng)
