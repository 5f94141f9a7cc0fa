"""Performance drift, by the true labels that users sent back."""

import numpy as np
import numpy.typing as npt
from scipy.stats import fisher_exact

from drift_cronjob.statistics.statistic import Statistic
from drift_cronjob.statistics.wording import percent
from sentiment_common.intervals import wilson


def feedback_accuracy(reference_correct: npt.NDArray[np.bool_], window_correct: npt.NDArray[np.bool_]) -> Statistic:
    """Test whether accuracy has fallen: Fisher's exact test, one-sided, of reference_correct[n] and window_correct[m].

    `value` is the accuracy by feedback and `effect` its fall below the reference's; the note has Wilson's 95 %
    interval.

    Valid when texts with feedback resemble texts without. Where users mostly report mistakes, accuracy by feedback is
    too low and the test raises a false alarm; ask for feedback on a random share of the answers. With m labels at an
    accuracy of 0.9, falls below about 1 / sqrt(m) go unseen.
    """
    n, m = reference_correct.size, window_correct.size
    right_before, right = int(reference_correct.sum()), int(window_correct.sum())
    p_value = float(fisher_exact([[right, m - right], [right_before, n - right_before]], alternative="less").pvalue)
    now, before = wilson(right, m), wilson(right_before, n)
    return Statistic(
        name="feedback_accuracy",
        family="performance",
        value=now.value,
        p_value=min(1.0, p_value),
        effect=max(0.0, before.value - now.value),
        n_reference=n,
        n_window=m,
        note=(
            f"By {m:,} true labels sent back, {percent(now.value)} of the answers are right "
            f"(between {percent(now.low)} and {percent(now.high)}), against {percent(before.value)} in the reference"
        ),
    )
