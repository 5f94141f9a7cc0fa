"""Data drift in embeddings: can a classifier tell the window's texts from the reference's?"""

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
    """Held-out rows' log-odds of being the window's, by logistic regression on standardised columns."""
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

    A logistic regression learns on half of the rows which are the window's and scores the other half. The statistic is
    the area under the ROC curve of those scores (0.5: no better than guessing), which unlike the paper's accuracy needs
    no equal sizes. The classifier is fixed when the held-out labels are permuted, so the p-value is exact and cheap;
    permuting before training would be neither needed nor affordable. One-sided: worse than guessing is no evidence.
    The effect is 2 AUC - 1, the share of foreign texts if those could be told apart without error.

    Valid from some 50 rows a side on (4 are the least). Half of the rows only train, which costs power in small
    windows; a linear classifier fails to see changes of spread about the same mean, which MMD sees. At most `max_rows`
    rows a side are used, drawn at random.
    """
    if min(len(reference), len(window)) < 4:
        raise ValueError("the classifier test needs at least 4 rows a side")
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
            "By topic and style, a classifier tells texts from the reference's "
            f"in {100 * area:.0f} of 100 pairs, where guessing gives 50"
        ),
    )
