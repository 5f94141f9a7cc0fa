"""Data drift in text descriptors: lengths, shares of character classes, counts."""

from collections.abc import Sequence

import numpy as np

from drift_cronjob.detectors.univariate import Contrast, compare
from drift_cronjob.statistics.statistic import FloatArray, Statistic
from drift_cronjob.statistics.wording import describe_shift


def descriptor_drift(
    names: Sequence[str], reference: FloatArray, window: FloatArray, permutations: int, rng: np.random.Generator
) -> list[Statistic]:
    """A Kolmogorov-Smirnov test for each column of reference[n, d] and window[m, d].

    The distance has the same scale for counts, shares and lengths, so it is also the effect: 0.2 means that for some
    value, the share of texts below it differs by 20 points. A share s of foreign texts gives s times the distance of
    foreign texts alone.

    Valid for counts and for columns that are mostly 0: permutation p-values are exact under ties, where the tabulated
    distribution of Kolmogorov's statistic gives p-values that are too large. Misses changes in how columns vary
    together; the embedding tests detect those.
    """
    contrasts = [Contrast("ks", reference[:, index], window[:, index]) for index in range(len(names))]
    return [
        Statistic(
            name=name,
            family="data",
            value=result.value,
            p_value=result.p_value,
            effect=result.value,
            n_reference=len(reference),
            n_window=len(window),
            note=describe_shift(name, contrast.reference, contrast.window, result.value),
        )
        for name, contrast, result in zip(names, contrasts, compare(contrasts, permutations, rng), strict=True)
    ]
