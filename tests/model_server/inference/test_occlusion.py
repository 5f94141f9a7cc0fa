"""The occlusion plan: bounded, exact where that is affordable, and it finds what matters where it is not."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_server.inference.occlusion import OcclusionPlan, Span

Effect = Callable[[Span], float]
budgets = st.integers(2, 200)


def run(plan: OcclusionPlan, effect: Effect) -> list[Span]:
    """Carry the plan out; the spans that were occluded."""
    seen: list[Span] = []
    while spans := plan.next_round():
        plan.measured([effect(span) for span in spans])
        seen += spans
    return seen


def additive(weights: Sequence[float]) -> Effect:
    return lambda span: float(sum(weights[span.start : span.stop]))


weights_of_a_text = st.lists(st.integers(-1000, 1000).map(float), max_size=300)


@given(weights_of_a_text, budgets)
def test_the_passes_are_bounded_and_every_token_has_one_attribution(weights, budget):
    plan = OcclusionPlan(len(weights), budget)
    seen = run(plan, additive(weights))
    assert len(seen) == plan.passes <= budget and len(set(seen)) == len(seen)
    assert all(0 <= span.start < span.stop <= len(weights) for span in seen)
    assert len(plan.attributions()) == len(weights)


@given(weights_of_a_text, budgets)
def test_up_to_the_budget_it_is_exactly_one_token_at_a_time(weights, budget):
    plan = OcclusionPlan(len(weights), budget)
    seen = run(plan, additive(weights))
    assert plan.exact == (len(weights) <= budget)
    if plan.exact:
        assert seen == [Span(at, at + 1) for at in range(len(weights))]
        assert plan.attributions() == [(weight, 1) for weight in weights]


@given(weights_of_a_text, budgets)
def test_shares_of_an_additive_answer_sum_to_the_whole(weights, budget):
    plan = OcclusionPlan(len(weights), budget)
    run(plan, additive(weights))
    shares = plan.attributions()
    assert sum(share for share, _ in shares) == pytest.approx(sum(weights), abs=1e-6)
    at = 0
    while at < len(shares):  # tokens that were occluded together stand together and share alike
        share, size = shares[at]
        assert shares[at : at + size] == [(share, size)] * size
        assert share * size == pytest.approx(sum(weights[at : at + size]), abs=1e-6)
        at += size


@given(st.integers(65, 510), st.data())
def test_the_one_token_that_matters_is_found_in_a_long_text(tokens, data):
    place = data.draw(st.integers(0, tokens - 1))
    plan = OcclusionPlan(tokens, 64)
    run(plan, additive([float(at == place) for at in range(tokens)]))
    assert not plan.exact
    assert plan.attributions()[place] == (1.0, 1)


@given(st.integers(1, 300), st.integers(1, 100), st.integers(1, 100), st.integers(2, 64))
def test_where_spans_cost_more_the_budget_still_holds(tokens, width, step, budget):
    """Windows of `width` tokens every `step`: a span costs a pass for each window that it touches."""
    starts = range(0, max(1, tokens - width + step), min(step, width))

    def cost(span: Span) -> int:
        return sum(start < span.stop and span.start < start + width for start in starts)

    if 2 * cost(Span(0, tokens)) > budget:
        if sum(cost(Span(at, at + 1)) for at in range(tokens)) > budget:
            with pytest.raises(ValueError, match="passes for the whole text"):
                OcclusionPlan(tokens, budget, cost)
        return
    plan = OcclusionPlan(tokens, budget, cost)
    seen = run(plan, lambda span: float(span.stop - span.start))
    assert sum(map(cost, seen)) == plan.passes <= budget
    assert len(plan.attributions()) == tokens


def test_a_text_without_tokens_needs_nothing():
    plan = OcclusionPlan(0, 64)
    assert (plan.next_round(), plan.exact, plan.attributions(), plan.passes) == ([], True, [], 0)
