"""Label shift: has the mix of answers changed, and what does that imply about the true labels?"""

from math import sqrt

import numpy as np
import numpy.typing as npt
from scipy.stats import fisher_exact

from drift_cronjob.statistics.intervals import newcombe
from drift_cronjob.statistics.statistic import Statistic
from drift_cronjob.statistics.wording import percent
from sentiment_common.intervals import Z95, Interval, wilson

Labels = npt.NDArray[np.int8]


def estimated_positive_share(reference_true: Labels, reference_label: Labels, window_label: Labels) -> Interval | None:
    """Estimate the window's share of truly positive texts (black-box shift estimation; Lipton et al., 2018).

    The reference gives the model's true and false positive rates. P(answer positive) = s * tpr + (1 - s) * fpr is
    solved for the share s, with the delta method's 95 % interval.

    Valid for label shift alone: the texts of each class look as before. Returns None when the model separates the
    classes too poorly (tpr - fpr below 0.1), or when the reference has a single class.
    """
    positive = reference_true == 1
    if not positive.any() or positive.all():
        return None
    true_rate, false_rate = float(reference_label[positive].mean()), float(reference_label[~positive].mean())
    gap = true_rate - false_rate
    if gap < 0.1:
        return None
    answered = float(window_label.mean())
    share = (answered - false_rate) / gap
    variance = (
        answered * (1 - answered) / window_label.size
        + share**2 * true_rate * (1 - true_rate) / int(positive.sum())
        + (1 - share) ** 2 * false_rate * (1 - false_rate) / int((~positive).sum())
    ) / gap**2
    half = Z95 * sqrt(variance)
    low, value, high = (min(1.0, max(0.0, end)) for end in (share - half, share, share + half))
    return Interval(value=value, low=low, high=high)


def label_shift(reference_true: Labels, reference_label: Labels, window_label: Labels) -> Statistic:
    """Fisher's exact test of the shares of positive answers: reference_label[n] against window_label[m] (0 or 1).

    `value` is the window's share, `effect` the absolute difference of shares. Exact at any counts, and slightly
    conservative because it is two-sided. A different mix of answers is label shift only if the texts of each class look
    as before; otherwise it is a symptom of another drift, which the embedding tests detect.
    """
    n, m = reference_label.size, window_label.size
    before, now = int(reference_label.sum()), int(window_label.sum())
    p_value = float(fisher_exact([[now, m - now], [before, n - before]]).pvalue)
    share, old = wilson(now, m), wilson(before, n)
    change = newcombe(share, old)
    truth = estimated_positive_share(reference_true, reference_label, window_label)
    estimate = (
        "" if truth is None else f"; truly positive are an estimated {percent(truth.low)} to {percent(truth.high)}"
    )
    return Statistic(
        name="label_share",
        family="concept",
        value=share.value,
        p_value=min(1.0, p_value),
        effect=abs(change.value),
        n_reference=n,
        n_window=m,
        note=(
            f"{percent(share.value)} of the answers are positive against {percent(old.value)} in the reference "
            f"(a change of {100 * change.low:+.0f} to {100 * change.high:+.0f} points{estimate})"
        ),
    )
