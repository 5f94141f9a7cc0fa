"""Data drift in embeddings: can a classifier distinguish the window's texts from the reference's?"""

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from drift_cronjob.statistics.permutation import permutation_p_value, permuted_labels
from drift_cronjob.statistics.statistic import FloatArray, Statistic

Rows = npt.NDArray[np.intp]
_RIDGE = 0.03  # sklearn's C; strong, because 64 columns meet a few hundred rows


def _halves(rows: int, rng: np.random.Generator) -> tuple[Rows, Rows]:
    order = rng.permutation(rows)
    return order[: rows // 2], order[rows // 2 :]


def _scores(train: FloatArray, is_window: FloatArray, held_out: FloatArray) -> FloatArray:
    """Log-odds that each held-out row is from the window, by logistic regression on standardised columns."""
    from sklearn.linear_model import LogisticRegression

    mean, spread = train.mean(axis=0), train.std(axis=0)
    spread[spread == 0] = 1.0
    model = LogisticRegression(C=_RIDGE, class_weight="balanced", solver="newton-cholesky", max_iter=50)
    model.fit((train - mean) / spread, is_window)
    scores: FloatArray = model.decision_function((held_out - mean) / spread)
    return scores


def classifier_two_sample(
    reference: FloatArray, window: FloatArray, permutations: int, rng: np.random.Generator, max_rows: int = 5_000
) -> Statistic:
    """Classifier two-sample test of sketches reference[n, d] and window[m, d] (Lopez-Paz and Oquab, 2017).

    A logistic regression learns on half of the rows to recognise the window's rows, and scores the other half. The
    statistic is the area under the ROC curve of these scores (0.5: no better than guessing); unlike the accuracy in the
    paper, it does not need sides of equal size. The classifier stays fixed while the held-out labels are permuted, so
    the p-value is exact and cheap. The test is one-sided: worse than guessing is no evidence. The effect is 2 AUC - 1,
    which is the share of foreign texts if the classifier recognises them without error.

    Valid from about 50 rows per side; 4 are required. Half of the rows only train, which costs power in small windows.
    A linear classifier misses changes of spread about the same mean, which MMD detects. At most `max_rows` rows per
    side are used, drawn at random.
    """
    if min(len(reference), len(window)) < 4:
        raise ValueError("the classifier test needs at least 4 rows per side")
    reference = reference[rng.permutation(len(reference))[:max_rows]]
    window = window[rng.permutation(len(window))[:max_rows]]
    (ref_train, ref_test), (win_train, win_test) = _halves(len(reference), rng), _halves(len(window), rng)
    train = np.concatenate([reference[ref_train], window[win_train]])
    held_out = np.concatenate([reference[ref_test], window[win_test]])
    n, m = len(ref_test), len(win_test)
    scores = _scores(train, np.repeat([0.0, 1.0], [len(ref_train), len(win_train)]), held_out)
    ranks = 2 * rankdata(scores)  # twice the mid-ranks are whole, so sums are exact and ties stay ties
    observed = ranks[n:].sum()
    exceeding = sum(
        int(np.count_nonzero(labels @ ranks >= observed)) for labels in permuted_labels(n, m, permutations, rng)
    )
    area = float((observed / 2 - m * (m + 1) / 2) / (n * m))
    return Statistic(
        name="embedding_classifier",
        family="data",
        value=area,
        p_value=permutation_p_value(exceeding, permutations),
        effect=max(0.0, 2 * area - 1),
        n_reference=len(reference),
        n_window=len(window),
        note=(
            "By topic and style, a classifier distinguishes the window's texts from the reference's "
            f"in {100 * area:.0f} of 100 pairs, where guessing gives 50"
        ),
    )
