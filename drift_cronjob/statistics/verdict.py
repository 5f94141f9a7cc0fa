"""From judged statistics to one verdict and a reason in plain words."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from drift_cronjob.statistics.statistic import Statistic

_REASONS_GIVEN = 3
# A reason begins with what a person can check for themselves; other statistics follow by their weight.
_PLAIN_FIRST = (
    "feedback_accuracy",
    "words",
    "label_share",
    "estimated_accuracy",
    "embedding_classifier",
    "margin",
    "embedding_mmd",
)
_SMALL = 0.5  # in units of the floor: below it a difference is real but of no consequence


class Verdict(StrEnum):
    """The outcome of a check; `exit_code` is the command's."""

    STABLE = "stable"
    WARNING = "warning"
    DRIFT = "drift"
    NOT_ENOUGH_DATA = "not enough data"

    @property
    def exit_code(self) -> int:
        return {"stable": 0, "warning": 10, "drift": 20}.get(self.value, 30)


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict, its reason, and the statistics that led to it, the plainest first."""

    verdict: Verdict
    reason: str
    evidence: tuple[Statistic, ...] = ()


def not_enough(rows: int, needed: int, of_what: str, remedy: str) -> Decision:
    """The decision when there are too few rows to say anything."""
    reason = f"{rows:,} {of_what}, at least {needed:,} are needed. {remedy}"
    return Decision(Verdict.NOT_ENOUGH_DATA, reason)


def _plainness(statistic: Statistic) -> tuple[int, float]:
    place = _PLAIN_FIRST.index(statistic.name) if statistic.name in _PLAIN_FIRST else len(_PLAIN_FIRST)
    return place, -statistic.size


def _sentences(evidence: Sequence[Statistic]) -> str:
    told = ". ".join(statistic.note for statistic in evidence[:_REASONS_GIVEN])
    more = len(evidence) - _REASONS_GIVEN
    return f"{told}. And {more} more {'finding' if more == 1 else 'findings'}." if more > 0 else f"{told}."


def decide(statistics: Sequence[Statistic]) -> Decision:
    """The verdict on judged statistics.

    | significant after Benjamini-Hochberg | effect | verdict |
    |---|---|---|
    | a primary statistic | its floor or more | drift |
    | a primary statistic | half its floor or more | warning |
    | a secondary statistic | its floor or more | warning |
    | any | less | stable: the difference is real and too small to matter |
    | none | any | stable |

    `drift` is false at most with probability alpha when nothing changed: it needs one significant test, of which
    Benjamini-Hochberg bounds the chance. With many rows everything is significant, and the floors decide.
    """
    significant = sorted((s for s in statistics if s.significant), key=_plainness)
    primary = [s for s in significant if s.primary]
    drifted = [s for s in primary if s.size >= 1]
    if drifted:
        return Decision(Verdict.DRIFT, _sentences(drifted), tuple(drifted))
    doubtful = [s for s in significant if s.size >= (_SMALL if s.primary else 1)]
    if doubtful:
        why = "Small differences" if any(s.primary for s in doubtful) else "Side evidence only"
        return Decision(Verdict.WARNING, f"{why}: {_sentences(doubtful)}", tuple(doubtful))
    tests = len(statistics)
    if significant:
        largest = max(significant, key=lambda s: s.size)
        reason = f"Differences are too small to matter. The largest: {largest.note}."
        return Decision(Verdict.STABLE, reason, tuple(significant))
    return Decision(Verdict.STABLE, f"None of {tests} tests finds a difference that chance does not explain.")
