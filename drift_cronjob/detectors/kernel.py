"""Data drift in embeddings: the maximum mean discrepancy (MMD) of window and reference."""

import numpy as np
import numpy.typing as npt

from drift_cronjob.statistics.permutation import permutation_p_value, permuted_labels
from drift_cronjob.statistics.statistic import FloatArray, Statistic

_TOLERANCE = 1e-5  # float32 sums of the same terms in another order count as tied
_MEDIAN_ROWS = 500


def _squared_distances(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    norms = np.einsum("ij,ij->i", rows, rows)
    distances = rows @ rows.T
    distances *= -2
    distances += norms[:, np.newaxis]
    distances += norms
    np.maximum(distances, 0, out=distances)
    return distances


def _kernel(pooled: npt.NDArray[np.float32], rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """The RBF kernel matrix; its width is the median distance among up to 500 pooled rows."""
    distances = _squared_distances(pooled)
    some = rng.permutation(len(pooled))[:_MEDIAN_ROWS]
    apart = distances[np.ix_(some, some)][np.triu_indices(len(some), 1)]
    width = float(np.median(apart)) or float(apart.mean()) or 1.0
    distances *= -0.5 / width
    np.exp(distances, out=distances)
    return distances


def _unbiased(kernel: npt.NDArray[np.float32], n: int) -> float:
    """The unbiased estimate of MMD squared (Gretton et al., 2012, equation 3); the first n rows are the reference's."""
    m = len(kernel) - n
    within_reference = float(kernel[:n, :n].sum(dtype=np.float64)) - n
    within_window = float(kernel[n:, n:].sum(dtype=np.float64)) - m
    across = float(kernel[:n, n:].sum(dtype=np.float64))
    return within_reference / (n * (n - 1)) + within_window / (m * (m - 1)) - 2 * across / (n * m)


def _permutation_p_value(kernel: npt.NDArray[np.float32], n: int, permutations: int, rng: np.random.Generator) -> float:
    """Permutation p-value of the V-statistic; `kernel` is centred in place.

    With a centred kernel K and labels z, the statistic is (1/n + 1/m)^2 z'Kz. All permutations are therefore one
    product of K with a matrix of labels, and the kernel is computed once.
    """
    m = len(kernel) - n
    means = kernel.mean(axis=1, dtype=np.float64)
    kernel -= means.astype(np.float32)[:, np.newaxis]
    kernel -= (means - means.mean()).astype(np.float32)
    labels = np.repeat(np.array([0, 1], dtype=np.float32), [n, m])
    observed = float(labels @ (kernel @ labels))
    limit = observed - _TOLERANCE * abs(observed)
    exceeding = 0
    for block in permuted_labels(n, m, permutations, rng):
        z = block.T.astype(np.float32)
        exceeding += int(np.count_nonzero(np.einsum("ij,ij->j", z, kernel @ z) >= limit))
    return permutation_p_value(exceeding, permutations)


def maximum_mean_discrepancy(
    reference: FloatArray, window: FloatArray, permutations: int, rng: np.random.Generator, max_rows: int = 2_000
) -> Statistic:
    """MMD of sketches reference[n, d] and window[m, d] with an RBF kernel (Gretton et al., 2012).

    `value` is the unbiased estimate of MMD squared. `effect` is its root (0 where the estimate is negative): the
    distance between the two mean embeddings, which grows in proportion to the share of foreign texts. The kernel's
    width, the median distance, depends on the pooled rows and not on the labels, so the permutation p-value is exact.

    Valid for any change of distribution, given enough rows; 2 per side are required. Weak when the change is much finer
    or much coarser than the median distance, and in high dimensions. Time and memory grow with (n + m) squared, so at
    most `max_rows` rows per side are used, drawn at random.
    """
    if min(len(reference), len(window)) < 2:
        raise ValueError("MMD needs at least 2 rows per side")
    reference = reference[rng.permutation(len(reference))[:max_rows]]
    window = window[rng.permutation(len(window))[:max_rows]]
    n, m = len(reference), len(window)
    kernel = _kernel(np.concatenate([reference, window]).astype(np.float32), rng)
    value = _unbiased(kernel, n)
    effect = max(0.0, value) ** 0.5
    return Statistic(
        name="embedding_mmd",
        family="data",
        value=value,
        p_value=_permutation_p_value(kernel, n, permutations, rng),
        effect=effect,
        n_reference=n,
        n_window=m,
        note=f"By the model's embeddings, the texts lie {effect:.2f} from the reference's on average (0: the same)",
    )
