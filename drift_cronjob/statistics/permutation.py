"""Permutations of labels, shared by several tests, and their p-values."""

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

_BLOCK_ELEMENTS = 2_000_000


def permutations_needed(tests: int, alpha: float) -> int:
    """The smallest number of permutations with which one finding among `tests` can pass Benjamini-Hochberg at `alpha`.

    The smallest p-value of B permutations is 1 / (B + 1), and the smallest of k p-values must not be above alpha / k.
    """
    if tests < 1 or not 0 < alpha < 1:
        raise ValueError("permutations need at least one test, and alpha between 0 and 1")
    return max(1, math.ceil(tests / alpha - 1e-9) - 1)


def permutation_p_value(exceeding: int, permutations: int) -> float:
    """p = (1 + exceeding) / (1 + permutations), which is never 0 and exact at any number of permutations.

    Phipson and Smyth, "Permutation p-values should never be zero" (2010). `exceeding` counts the permuted statistics
    that are at least as large as the observed statistic, so ties make it larger, never smaller.
    """
    return (1 + exceeding) / (1 + permutations)


def permuted_labels(
    n_reference: int, n_window: int, permutations: int, rng: np.random.Generator
) -> Iterator[npt.NDArray[np.int8]]:
    """Yield blocks int8[b, n_reference + n_window]; each row is a random order of n_window ones among zeros.

    Together the blocks have `permutations` rows. The size of a block, and so the memory, is bounded.
    """
    total = n_reference + n_window
    labels = np.zeros(total, dtype=np.int8)
    labels[:n_window] = 1
    per_block = max(1, _BLOCK_ELEMENTS // total)
    for start in range(0, permutations, per_block):
        rows = min(per_block, permutations - start)
        block = np.broadcast_to(labels, (rows, total))
        yield rng.permuted(block, axis=1)
