"""Parts of a text to occlude, and the attribution of each token from the answers. Pure; `explain` runs the engine.

Occlusion: the effect of a part is how far the answer moves when it is masked (Zeiler and Fergus, 2014; for texts: Li,
Monroe and Jurafsky, 2016, "Understanding neural networks through representation erasure"). Where one pass a token is
affordable, the attribution is the exact leave-one-out effect. Otherwise groups of neighbours are occluded, and those
that matter most are halved repeatedly until the passes are spent: a hierarchy searched best-first (as in Chen, Zheng
and Ji, 2020, "Generating hierarchical explanations on text classification via feature interaction detection"). Tokens
of a group that was not halved any further share its effect.

An attribution is valid for the part that the model reads, and shows what the answer depends on, not what is true. Words
that act only together can each seem to have no effect, and a group whose parts cancel out is not halved.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple


class Span(NamedTuple):
    """Tokens `start` up to but without `stop`, at least one."""

    start: int
    stop: int


class OcclusionPlan:
    """Rounds of spans to occlude, within a budget.

    Use: `while spans := plan.next_round(): plan.measured([effect(span) for span in spans])`, then `attributions`.

    Args:
        tokens: of the text as it is read.
        budget: the passes that may be spent, at least 2.
        cost: passes that occluding a span takes, at least one; more where windows share its tokens.

    Raises:
        ValueError: even the whole text as one group costs more than half of the budget.
    """

    def __init__(self, tokens: int, budget: int, cost: Callable[[Span], int] = lambda _: 1) -> None:
        self._cost, self._left = cost, budget
        self._effects: dict[Span, float] = {}
        singles = _parts(Span(0, tokens), tokens) if tokens <= budget else None
        self.exact = singles is not None and self._price(singles) <= budget
        self._round = singles if singles is not None and self.exact else self._groups(tokens, budget // 2)
        self.passes = 0

    def _price(self, spans: Sequence[Span]) -> int:
        return sum(map(self._cost, spans))

    def _groups(self, tokens: int, budget: int) -> list[Span]:
        """Return as many equal groups as half of the budget pays for; the other half is for halving them."""
        count, price = min(budget, tokens), 0
        while count:
            groups = _parts(Span(0, tokens), count)
            price = self._price(groups)
            if price <= budget:
                return groups
            count = min(count - 1, max(1, count * budget // price))
        raise ValueError(f"{price} passes for the whole text, {budget} may be spent on it")

    def next_round(self) -> list[Span]:
        """Return the spans to occlude next; an empty list ends the plan."""
        return self._round

    def measured(self, effects: Sequence[float]) -> None:
        """Record the effect of each span of the round, in its order."""
        price = self._price(self._round)
        self.passes += price
        self._left -= price
        self._effects.update(zip(self._round, effects, strict=True))
        self._round = self._halves()

    def _halves(self) -> list[Span]:
        """Split the groups that matter most, for half of the remaining passes: later rounds depend on their effects."""
        groups = sorted((span for span in self._effects if span.stop - span.start > 1), key=self._rank)
        chosen: list[Span] = []
        spent = 0
        for group in groups:
            halves = _parts(group, 2)
            price = self._price(halves)
            if spent + price <= self._left and (not chosen or spent + price <= self._left / 2):
                chosen += halves
                spent += price
                del self._effects[group]
        return chosen

    def _rank(self, span: Span) -> tuple[float, int]:
        return -abs(self._effects[span]), span.start

    def attributions(self) -> list[tuple[float, int]]:
        """Return each token's attribution, and the size of the group that was occluded with it (1: the token alone)."""
        shares: list[tuple[float, int]] = []
        for span in sorted(self._effects):
            size = span.stop - span.start
            shares += [(self._effects[span] / size, size)] * size
        return shares


def _parts(span: Span, count: int) -> list[Span]:
    """Split a span into `count` parts of near-equal size; all have tokens while `count` is at most the span's size."""
    size = span.stop - span.start
    edges = [span.start + size * part // count for part in range(count + 1)] if count else []
    return [Span(*pair) for pair in pairwise(edges)]
