"""Data drift in text descriptors: lengths, shares of kinds of characters, counts."""

from collections.abc import Sequence

import numpy as np

from drift_cronjob.detectors.univariate import Contrast, compare
from drift_cronjob.statistics.statistic import FloatArray, Statistic
from drift_cronjob.statistics.wording import describe_shift


def descriptor_drift(
    names: Sequence[str], reference: FloatArray, window: FloatArray, permutations: int, rng: np.random.Generator
) -> list[Statistic]:
    """A Kolmogorov-Smirnov test for each column of reference[n, d] and window[m, d].

    The distance is of the same scale for counts, shares and lengths, so it is the effect as well: 0.2 means that for
    some value, 20 % more (or fewer) of the window's texts lie below it. A share s of foreign texts gives s times the
    distance of foreign texts alone.

    Valid for counts and for columns that are mostly 0: the p-values are permutation p-values, exact under ties, where
    the tabulated law of Kolmogorov's statistic would be too large. Fails to see what leaves each column alone and
    changes only how columns go together; the embedding tests see that.
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
