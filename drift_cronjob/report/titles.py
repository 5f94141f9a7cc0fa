"""Titles of the report's pictures: the sentences of their tests, or the subject where no test could run."""

from collections.abc import Sequence

from drift_cronjob.statistics.statistic import Outcome, Statistic


def _note(statistics: Sequence[Statistic], *names: str) -> str | None:
    """The sentence of the first named test that ran, marked where chance explains its result."""
    found = {statistic.name: statistic for statistic in statistics}
    statistic = next((found[name] for name in names if name in found), None)
    if statistic is None or statistic.outcome is not Outcome.NO_DIFFERENCE:
        return statistic.note if statistic else None
    return f"Within chance: {statistic.note[0].lower()}{statistic.note[1:]}"


def scores_title(statistics: Sequence[Statistic]) -> str:
    """Title of the picture of margins and confidences."""
    notes = [note for name in ("margin", "confidence") if (note := _note(statistics, name))]
    return ". ".join(notes) or "Margins and confidences of reference and window"


def descriptors_title(statistics: Sequence[Statistic], names: Sequence[str]) -> str:
    """Number of descriptors whose change matters, and the largest change."""
    tested = [statistic for statistic in statistics if statistic.name in names]
    if not tested:
        return "Descriptors of the texts of reference and window"
    matter = [statistic for statistic in tested if statistic.outcome in (Outcome.MATTERS, Outcome.SIDE_EVIDENCE)]
    if not matter:
        return f"None of {len(tested)} descriptors of the texts changed enough to matter"
    largest = max(matter, key=lambda statistic: statistic.size)
    changed = f"{len(matter)} of {len(tested)} descriptors of the texts changed enough to matter"
    return f"{changed}. Largest change: {largest.note}"


def embeddings_title(statistics: Sequence[Statistic]) -> str:
    """Title of the picture of the embeddings."""
    return _note(statistics, "embedding_classifier", "embedding_mmd") or "Embeddings of reference and window"


def traffic_title(statistics: Sequence[Statistic]) -> str:
    """Title of the picture of the answers by hour."""
    return _note(statistics, "label_share") or "Answers of the window"


def accuracy_title(statistics: Sequence[Statistic]) -> str:
    """Title of the picture of accuracy: by feedback where there is enough, otherwise by confidence."""
    return _note(statistics, "feedback_accuracy", "estimated_accuracy") or "Accuracy of reference and window"
