"""Thresholds: when a difference is significant, and how large it must be to matter."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from drift_cronjob.statistics.multiple_testing import benjamini_hochberg, benjamini_hochberg_cut
from drift_cronjob.statistics.statistic import Statistic


@dataclass(frozen=True, slots=True)
class Rule:
    """Smallest effect that matters, and whether the test can raise `drift` alone (primary)."""

    floor: float
    primary: bool


DESCRIPTOR_RULE = Rule(0.15, primary=False)
RULES = {
    # One foreign text in ten (product reviews among film reviews) moves the embeddings by about this much.
    "embedding_classifier": Rule(0.10, primary=True),
    "embedding_mmd": Rule(0.05, primary=True),
    # Lengths and margins vary more between similar sources: about one foreign text in six reaches these floors.
    "words": Rule(0.15, primary=True),
    "margin": Rule(0.20, primary=True),
    # A change of ten points in the mix of answers.
    "label_share": Rule(0.10, primary=True),
    # A fall of three points in accuracy.
    "feedback_accuracy": Rule(0.03, primary=True),
    "estimated_accuracy": Rule(0.03, primary=True),
    # Follows from the margin; a change of confidence alone does no harm.
    "confidence": Rule(0.20, primary=False),
}


def rule_of(name: str) -> Rule:
    """The rule of a test. All text descriptors except the length share one rule."""
    return RULES.get(name, DESCRIPTOR_RULE)


def judge(statistics: Sequence[Statistic], alpha: float) -> list[Statistic]:
    """Return the statistics with their floors, adjusted p-values and the significance threshold at level `alpha`."""
    p_values = [statistic.p_value for statistic in statistics]
    cut = benjamini_hochberg_cut(p_values, alpha)
    return [
        replace(
            statistic,
            primary=rule_of(statistic.name).primary,
            effect_floor=rule_of(statistic.name).floor,
            p_adjusted=float(adjusted),
            threshold=cut,
        )
        for statistic, adjusted in zip(statistics, benjamini_hochberg(p_values), strict=True)
    ]
