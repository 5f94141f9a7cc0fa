"""The accuracy that int8 costs, and the choice of a release's default variant."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from sentiment_common.intervals import Interval, wilson
from training_job.measure.evaluate import Bools, Floats, Ints, balanced_difference, paired_difference

ACCEPTED_LOSS = 0.005  # of accuracy, int8 against fp32
Variant = Literal["openvino-int8", "openvino-bf16"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Figures of int8 against fp32 on the same labelled rows; differences are int8 minus fp32."""

    rows: int
    agreement: Interval
    accuracy_difference: Interval
    balanced_difference: Interval
    largest_probability_difference: float


@dataclass(frozen=True, slots=True)
class Decision:
    """The variant that a release serves by default, and the reason in one sentence."""

    variant: Variant
    reason: str


def compare(labels: Ints, full: Floats, quantised: Floats, threshold: float = 0.5) -> Comparison:
    """Compare P(positive) of the fp32 network, f[n], with that of the int8 network, f[n], on rows labelled i[n]."""
    decided_full: Bools = np.asarray(full) >= threshold
    decided_int8: Bools = np.asarray(quantised) >= threshold
    truth = np.asarray(labels) == 1
    right = decided_full == truth, decided_int8 == truth
    return Comparison(
        rows=len(labels),
        agreement=wilson(int(np.sum(decided_full == decided_int8)), len(labels)),
        accuracy_difference=paired_difference(*right),
        balanced_difference=balanced_difference(*right, np.asarray(labels)),
        largest_probability_difference=float(np.max(np.abs(np.asarray(full) - np.asarray(quantised)))),
    )


def choose_default(comparison: Comparison | None, accepted_loss: float = ACCEPTED_LOSS) -> Decision:
    """Choose int8, or bf16 if int8 is missing or its measured accuracy is more than `accepted_loss` below that of fp32.

    The measured difference decides, not the end of its interval, which would always refuse int8 on few rows. A rare
    label may be lost by int8 at little cost in accuracy, so bf16 is also chosen if the whole interval of the difference
    in balanced accuracy is beyond that loss.
    """
    if comparison is None:
        return Decision("openvino-bf16", "int8 could not be made: bf16 is served")
    loss = -comparison.accuracy_difference.value
    apart = f"{abs(loss) * 100:.2f} points {'below' if loss > 0 else 'above'}" if loss else "exactly as accurate as"
    measured = f"{apart} fp32 on {comparison.rows:,} test rows"
    limit = f"{accepted_loss * 100:.1f} points"
    if loss > accepted_loss + 1e-9:
        return Decision("openvino-bf16", f"int8 is {measured}, over the accepted loss of {limit}: bf16 is served")
    balanced = comparison.balanced_difference
    if balanced.high < -accepted_loss:
        return Decision(
            "openvino-bf16",
            f"int8 is {measured}, but {-balanced.value * 100:.2f} points below fp32 in balanced accuracy: it loses the "
            "rarer label, so bf16 is served",
        )
    return Decision("openvino-int8", f"int8 is {measured}, within the accepted loss of {limit}: int8 is served")
