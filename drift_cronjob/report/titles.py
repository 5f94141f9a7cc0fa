"""What the report's pictures show, in the sentences of the tests; where a test could not run, what they are about."""

from collections.abc import Sequence

from drift_cronjob.statistics.statistic import Outcome, Statistic


def _note(statistics: Sequence[Statistic], *names: str) -> str | None:
    """The sentence of the first of the named statistics that there is, and whether chance alone explains it."""
    found = {statistic.name: statistic for statistic in statistics}
    statistic = next((found[name] for name in names if name in found), None)
    if statistic is None or statistic.outcome is not Outcome.NO_DIFFERENCE:
        return statistic.note if statistic else None
    return f"Within chance: {statistic.note[0].lower()}{statistic.note[1:]}"


def scores_title(statistics: Sequence[Statistic]) -> str:
    """On margins and confidences."""
    told = [note for name in ("margin", "confidence") if (note := _note(statistics, name))]
    return ". ".join(told) or "Margins and confidences of reference and window"


def descriptors_title(statistics: Sequence[Statistic], names: Sequence[str]) -> str:
    """How many of the named descriptors changed by so much that it matters, and the one that changed most."""
    tested = [statistic for statistic in statistics if statistic.name in names]
    if not tested:
        return "Descriptors of the texts of reference and window"
    matter = [statistic for statistic in tested if statistic.outcome in (Outcome.MATTERS, Outcome.SIDE_EVIDENCE)]
    if not matter:
        return f"None of {len(tested)} descriptors of the texts changed so much that it matters"
    largest = max(matter, key=lambda statistic: statistic.size)
    told = f"{len(matter)} of {len(tested)} descriptors of the texts changed so much that it matters"
    return f"{told}. The most: {largest.note}"


def embeddings_title(statistics: Sequence[Statistic]) -> str:
    """On the two clouds of embeddings."""
    return _note(statistics, "embedding_classifier", "embedding_mmd") or "Embeddings of reference and window"


def traffic_title(statistics: Sequence[Statistic]) -> str:
    """On the mix of answers."""
    return _note(statistics, "label_share") or "Answers of the window"


def accuracy_title(statistics: Sequence[Statistic]) -> str:
    """On how often the answers are right: by feedback where there is enough, else as confidence implies."""
    return _note(statistics, "feedback_accuracy", "estimated_accuracy") or "Accuracy of reference and window"
