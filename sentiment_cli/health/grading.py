"""Grades of health: green, yellow, red, or unknown where there is nothing to judge. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Grade(StrEnum):
    """A grade, in the order of concern. `UNKNOWN` means nothing to judge, not something wrong."""

    GREEN = "green"
    UNKNOWN = "unknown"
    YELLOW = "yellow"
    RED = "red"


WORDS = {
    Grade.GREEN: "healthy",
    Grade.UNKNOWN: "no data",
    Grade.YELLOW: "attention",
    Grade.RED: "unhealthy",
}
_CONCERN = {grade: rank for rank, grade in enumerate(Grade)}

CONFIDENCE_GREEN, CONFIDENCE_RED = 0.80, 0.60
P95_GREEN_MS, P95_RED_MS = 100.0, 500.0
ERROR_SHARE_RED = 0.01


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the snapshot: its name, the figure in words, its grade, and the remedy when not green."""

    name: str
    value: str
    grade: Grade
    remedy: str = ""

    def as_dict(self) -> dict[str, str]:
        return {"name": self.name, "value": self.value, "grade": str(self.grade), "remedy": self.remedy}


def worst(lines: Iterable[Line]) -> Grade:
    """Return the grade of greatest concern; the result is unknown only where all lines are."""
    grades = {line.grade for line in lines}
    judged = grades - {Grade.UNKNOWN}
    return max(judged or grades or {Grade.UNKNOWN}, key=_CONCERN.__getitem__)


def grade_confidence(mean: float | None) -> Grade:
    """Grade the average confidence, 0 to 1: over 0.80 green, 0.60 to 0.80 yellow, under 0.60 red."""
    if mean is None or math.isnan(mean):
        return Grade.UNKNOWN
    if mean > CONFIDENCE_GREEN:
        return Grade.GREEN
    return Grade.YELLOW if mean >= CONFIDENCE_RED else Grade.RED


def grade_p95(milliseconds: float | None) -> Grade:
    """Grade the 95th percentile of latency: under 100 ms green, 100 to 500 yellow, over 500 red."""
    if milliseconds is None or math.isnan(milliseconds):
        return Grade.UNKNOWN
    if milliseconds < P95_GREEN_MS:
        return Grade.GREEN
    return Grade.YELLOW if milliseconds <= P95_RED_MS else Grade.RED


def grade_errors(errors: float, requests: float) -> Grade:
    """Grade the share of failed requests: zero green, up to 1 % yellow, over 1 % red."""
    if requests <= 0:
        return Grade.UNKNOWN
    if errors <= 0:
        return Grade.GREEN
    return Grade.YELLOW if errors / requests <= ERROR_SHARE_RED else Grade.RED


def grade_log(*, lost: int, journal_rows: int, database_up: bool | None) -> Grade:
    """Grade the server's log writer: lost rows are red; waiting rows or an unreachable database yellow."""
    if lost > 0:
        return Grade.RED
    if journal_rows > 0 or database_up is False:
        return Grade.YELLOW
    return Grade.UNKNOWN if database_up is None else Grade.GREEN


def grade_verdict(verdict: str | None) -> Grade:
    """Grade a drift verdict; None (never checked) and `not enough data` are unknown."""
    known = {"stable": Grade.GREEN, "warning": Grade.YELLOW, "drift": Grade.RED}
    return known.get(verdict or "", Grade.UNKNOWN)


def label_mix(by_label: Mapping[str, int]) -> str:
    """Format as `negative 48%, positive 52%`."""
    total = sum(by_label.values())
    return ", ".join(f"{label} {count / total:.0%}" for label, count in sorted(by_label.items())) if total else "none"


def alerts(lines: Sequence[Line]) -> list[str]:
    """Format every yellow or red line as `name: value -> remedy`, the worst first."""
    needing = sorted(
        (line for line in lines if line.grade in {Grade.YELLOW, Grade.RED}),
        key=lambda line: -_CONCERN[line.grade],
    )
    return [f"{line.name}: {line.value}" + (f" -> {line.remedy}" if line.remedy else "") for line in needing]
