"""What counts as significant, and how large a difference must be to matter."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from drift_cronjob.statistics.multiple_testing import benjamini_hochberg, benjamini_hochberg_cut
from drift_cronjob.statistics.statistic import Statistic


@dataclass(frozen=True, slots=True)
class Rule:
    """The effect from which on a statistic matters, and whether it can raise `drift` by itself (primary)."""

    floor: float
    primary: bool


DESCRIPTOR_RULE = Rule(0.15, primary=False)
RULES = {
    # One text in ten from another world (product reviews among film reviews) moves the embeddings by about this much.
    "embedding_classifier": Rule(0.10, primary=True),
    "embedding_mmd": Rule(0.05, primary=True),
    # Lengths and margins vary more between like sources: these begin at about one foreign text in six.
    "words": Rule(0.15, primary=True),
    "margin": Rule(0.20, primary=True),
    # Another mix of answers: ten points.
    "label_share": Rule(0.10, primary=True),
    # Fewer right answers: three points.
    "feedback_accuracy": Rule(0.03, primary=True),
    "estimated_accuracy": Rule(0.03, primary=True),
    # Follows from the margin, and a change of it alone harms nobody.
    "confidence": Rule(0.20, primary=False),
}


def rule_of(name: str) -> Rule:
    """The rule of a statistic; every text descriptor but the length has the same."""
    return RULES.get(name, DESCRIPTOR_RULE)


def judge(statistics: Sequence[Statistic], alpha: float) -> list[Statistic]:
    """The statistics with their floors, and with Benjamini-Hochberg's adjusted p-values and cut at level `alpha`."""
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
