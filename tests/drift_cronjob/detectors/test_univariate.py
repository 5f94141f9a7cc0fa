"""Statistics against scipy; p-values against exact enumeration and their distribution under the null."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp, kstest, wasserstein_distance

from drift_cronjob.detectors.univariate import Contrast, Kind, compare
from drift_cronjob.statistics.permutation import permutation_p_value, permutations_needed, permuted_labels

columns = st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=30)


@given(columns, columns)
def test_statistics_agree_with_scipy_under_ties(first: list[float], second: list[float]) -> None:
    reference, window = np.array(first), np.array(second)
    kinds: tuple[Kind, ...] = ("ks", "wasserstein", "fall")
    ks, moved, fall = compare([Contrast(k, reference, window) for k in kinds], 1, np.random.default_rng(0))
    below = [[np.mean(side <= x) for x in np.unique(first + second)] for side in (reference, window)]
    assert ks.value == pytest.approx(np.max(np.abs(np.subtract(*below))))
    assert moved.value == pytest.approx(wasserstein_distance(reference, window))
    assert fall.value == pytest.approx(reference.mean() - window.mean())


@pytest.mark.parametrize("kind", ["ks", "wasserstein", "fall"])
def test_p_values_approach_exact_enumeration_under_ties(kind: Kind) -> None:
    reference, window = np.array([0.0, 0, 1, 1, 2, 5]), np.array([1.0, 0, 0, 0])
    pooled = np.concatenate([reference, window])
    rng = np.random.default_rng(1)

    def statistic(chosen: tuple[int, ...]) -> float:
        inside = np.zeros(10, dtype=bool)
        inside[list(chosen)] = True
        return compare([Contrast(kind, pooled[~inside], pooled[inside])], 1, rng)[0].value

    every = np.array([statistic(chosen) for chosen in combinations(range(10), 4)])
    exact = float(np.mean(every >= statistic((6, 7, 8, 9)) - 1e-9))
    found = compare([Contrast(kind, reference, window)], 20_000, rng)[0].p_value
    assert found == pytest.approx(exact, abs=0.015)


@pytest.mark.parametrize("kind", ["ks", "wasserstein", "fall"])
def test_p_values_are_uniform_under_the_null(kind: Kind) -> None:
    rng = np.random.default_rng(7)
    p = [compare([Contrast(kind, rng.normal(size=60), rng.normal(size=40))], 199, rng)[0].p_value for _ in range(400)]
    jittered = np.array(p) - rng.random(400) / 200  # p-values lie on a grid of 1/200
    assert kstest(jittered, "uniform").pvalue > 0.001


def test_heavily_tied_columns_never_alarm_too_often() -> None:
    rng = np.random.default_rng(11)
    p = np.array(
        [
            compare([Contrast("ks", rng.poisson(0.2, 80) * 1.0, rng.poisson(0.2, 50) * 1.0)], 99, rng)[0].p_value
            for _ in range(400)
        ]
    )
    for level in (0.05, 0.1, 0.3):
        assert np.mean(p <= level) <= level + 3 * np.sqrt(level * (1 - level) / 400)


def test_a_shift_is_found_and_only_in_its_column() -> None:
    rng = np.random.default_rng(2)
    same = Contrast("ks", rng.normal(size=400), rng.normal(size=300))
    moved = Contrast("ks", rng.normal(size=400), rng.normal(0.6, 1, size=300))
    higher = Contrast("fall", same.reference, same.window + 0.5)
    quiet, loud, rise = compare([same, moved, higher], 999, rng)
    assert quiet.p_value > 0.05
    assert loud.p_value == pytest.approx(0.001)
    assert rise.p_value > 0.99  # one-sided: a higher window is not a fall


def test_constant_columns_show_nothing() -> None:
    ones = np.ones(20)
    for result in compare(
        [Contrast("ks", ones, ones), Contrast("wasserstein", ones, ones)], 99, np.random.default_rng(0)
    ):
        assert (result.value, result.p_value) == (0.0, 1.0)


def test_bad_columns_are_refused() -> None:
    rng = np.random.default_rng(0)
    assert compare([], 9, rng) == []
    with pytest.raises(ValueError, match="row counts"):
        compare([Contrast("ks", np.ones(3), np.ones(0))], 9, rng)
    with pytest.raises(ValueError, match="row counts"):
        compare([Contrast("ks", np.ones(3), np.ones(2)), Contrast("ks", np.ones(3), np.ones(4))], 9, rng)
    with pytest.raises(ValueError, match="finite"):
        compare([Contrast("ks", np.array([1.0, np.nan]), np.ones(2))], 9, rng)


@settings(max_examples=30)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 50))
def test_every_permutation_keeps_the_counts(n: int, m: int, permutations: int) -> None:
    blocks = list(permuted_labels(n, m, permutations, np.random.default_rng(0)))
    assert sum(len(block) for block in blocks) == permutations
    assert all((block.sum(axis=1) == m).all() and block.shape[1] == n + m for block in blocks)


def test_large_samples_do_not_overflow() -> None:
    rng = np.random.default_rng(0)
    reference, window = rng.normal(size=50_000), rng.normal(size=60_000)
    (ks,) = compare([Contrast("ks", reference, window)], 1, rng)
    assert ks.value == pytest.approx(ks_2samp(reference, window, method="asymp").statistic)


def test_blocks_bound_the_memory() -> None:
    sizes = [block.size for block in permuted_labels(30_000, 20_000, 100, np.random.default_rng(0))]
    assert len(sizes) > 1
    assert max(sizes) <= 2_000_000


def test_permutations_suffice_for_one_finding_among_many() -> None:
    assert permutations_needed(20, 0.05) == 399
    assert permutations_needed(1, 0.05) == 19
    for tests in range(1, 60):
        count = permutations_needed(tests, 0.05)
        assert permutation_p_value(0, count) <= 0.05 / tests + 1e-12 < permutation_p_value(0, count - 1) + 1e-12
    with pytest.raises(ValueError, match="alpha"):
        permutations_needed(3, 1.5)
