"""The verdict on judged statistics, and its reason in plain words."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from drift_cronjob.statistics.statistic import Outcome, Statistic

_REASONS_GIVEN = 3
# Reasons begin with tests that a person can verify by reading; other tests follow by size.
_PLAIN_FIRST = (
    "feedback_accuracy",
    "words",
    "label_share",
    "estimated_accuracy",
    "embedding_classifier",
    "margin",
    "embedding_mmd",
)


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
    """The decision when there are too few rows for a test."""
    return Decision(Verdict.NOT_ENOUGH_DATA, f"{rows:,} {of_what}, at least {needed:,} are needed. {remedy}")


def _plainness(statistic: Statistic) -> tuple[int, float]:
    place = _PLAIN_FIRST.index(statistic.name) if statistic.name in _PLAIN_FIRST else len(_PLAIN_FIRST)
    return place, -statistic.size


def _sentences(evidence: Sequence[Statistic]) -> str:
    shown = ". ".join(statistic.note for statistic in evidence[:_REASONS_GIVEN])
    more = len(evidence) - _REASONS_GIVEN
    return f"{shown}. And {more} more {'finding' if more == 1 else 'findings'}." if more > 0 else f"{shown}."


def decide(statistics: Sequence[Statistic]) -> Decision:
    """The verdict on judged statistics.

    | outcomes of the tests | verdict |
    |---|---|
    | one matters | drift |
    | none matters, one is small or side evidence | warning |
    | all others | stable |

    When nothing changed, the verdict is `drift` with a probability of at most alpha: it needs a significant test, and
    Benjamini-Hochberg bounds the chance of any. With many rows every test is significant, and the floors decide.
    """
    ordered = sorted(statistics, key=_plainness)
    drifted = tuple(s for s in ordered if s.outcome is Outcome.MATTERS)
    if drifted:
        return Decision(Verdict.DRIFT, _sentences(drifted), drifted)
    doubtful = tuple(s for s in ordered if s.outcome in (Outcome.SMALL, Outcome.SIDE_EVIDENCE))
    if doubtful:
        small = any(s.outcome is Outcome.SMALL for s in doubtful)
        why = "Small differences" if small else "Side evidence only"
        return Decision(Verdict.WARNING, f"{why}: {_sentences(doubtful)}", doubtful)
    real = tuple(s for s in ordered if s.outcome is Outcome.TOO_SMALL)
    if real:
        largest = max(real, key=lambda s: s.size)
        return Decision(Verdict.STABLE, f"Differences are too small to matter. The largest: {largest.note}.", real)
    return Decision(Verdict.STABLE, f"None of {len(statistics)} tests finds a difference that chance does not explain.")
