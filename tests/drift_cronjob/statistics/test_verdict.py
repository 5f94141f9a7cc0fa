import pytest

from drift_cronjob.statistics.statistic import Outcome, Statistic
from drift_cronjob.statistics.thresholds import RULES, judge, rule_of
from drift_cronjob.statistics.verdict import Verdict, decide, not_enough


def statistic(name: str, p_value: float, size: float) -> Statistic:
    """A statistic whose effect is `size` times its floor."""
    return Statistic(
        name, "data", 0.0, p_value, size * rule_of(name).floor, 500, 500, f"Something about {name} changed"
    )


@pytest.mark.parametrize(
    ("name", "p_value", "size", "verdict"),
    [
        ("embedding_classifier", 0.0001, 1.0, Verdict.DRIFT),
        ("embedding_classifier", 0.0001, 0.99, Verdict.WARNING),
        ("embedding_classifier", 0.0001, 0.5, Verdict.WARNING),
        ("embedding_classifier", 0.0001, 0.49, Verdict.STABLE),
        ("embedding_classifier", 0.04, 9.0, Verdict.STABLE),
        ("digit_share", 0.0001, 9.0, Verdict.WARNING),
        ("digit_share", 0.0001, 1.0, Verdict.WARNING),
        ("digit_share", 0.0001, 0.99, Verdict.STABLE),
        ("confidence", 0.0001, 5.0, Verdict.WARNING),
        *((name, 0.0001, 1.0, Verdict.DRIFT) for name, rule in RULES.items() if rule.primary),
    ],
)
def test_one_finding_among_quiet_tests(name: str, p_value: float, size: float, verdict: Verdict) -> None:
    quiet = [statistic(f"quiet{index}", 0.5, 3.0) for index in range(9)]
    decision = decide(judge([statistic(name, p_value, size), *quiet], 0.05))
    assert decision.verdict is verdict
    if verdict in (Verdict.DRIFT, Verdict.WARNING):
        assert f"Something about {name} changed" in decision.reason
        assert [found.name for found in decision.evidence] == [name]


def test_the_plainest_reasons_come_first_and_the_others_are_counted() -> None:
    names = ("embedding_mmd", "margin", "words", "feedback_accuracy", "embedding_classifier")
    found = [statistic(name, 0.0001, size) for name, size in zip(names, (9.0, 4.0, 2.0, 3.0, 1.2), strict=True)]
    decision = decide(judge(found, 0.05))
    assert [s.name for s in decision.evidence[:3]] == ["feedback_accuracy", "words", "embedding_classifier"]
    assert decision.reason.startswith("Something about feedback_accuracy changed. Something about words changed.")
    assert decision.reason.endswith("And 2 more findings.")


def test_drift_is_not_hidden_by_side_evidence() -> None:
    found = [statistic("digit_share", 0.0001, 9.0), statistic("words", 0.0001, 1.1)]
    decision = decide(judge(found, 0.05))
    assert decision.verdict is Verdict.DRIFT
    assert "digit_share" not in decision.reason


def test_a_stable_verdict_has_a_reason() -> None:
    assert "None of 3 tests" in decide(judge([statistic(f"q{i}", 0.5, 1) for i in range(3)], 0.05)).reason
    assert "too small to matter" in decide(judge([statistic("words", 0.0001, 0.1)], 0.05)).reason


def test_judging_fills_in_floor_cut_and_adjusted_p_value() -> None:
    first, second = judge([statistic("words", 0.02, 1), statistic("chars", 0.9, 1)], 0.05)
    assert (first.primary, second.primary) == (True, False)
    assert first.effect_floor == RULES["words"].floor
    assert first.p_adjusted == pytest.approx(0.04)
    assert first.threshold == second.threshold == pytest.approx(0.025)
    assert (first.outcome, second.outcome) == (Outcome.MATTERS, Outcome.NO_DIFFERENCE)


def test_exit_codes() -> None:
    assert [verdict.exit_code for verdict in Verdict] == [0, 10, 20, 30]
    few = not_enough(12, 100, "rows in the window", "Wait.")
    assert few.verdict is Verdict.NOT_ENOUGH_DATA
    assert few.reason == "12 rows in the window, at least 100 are needed. Wait."
