"""The whole battery on samples as a sentiment model logs them: false alarms, detection, missing columns."""

from collections import Counter

import numpy as np
import pytest

from drift_cronjob.detectors.battery import BatteryLimits, run_battery
from drift_cronjob.statistics.thresholds import judge
from drift_cronjob.statistics.verdict import Decision, Verdict, decide
from drift_cronjob.window.sample import Sample, first_copies
from model_release.scoring.features import DESCRIPTORS

ALPHA = 0.05


def make_pool(rng: np.random.Generator, rows: int, words: float = 173.0, topic: float = 0.0) -> Sample:
    """Answered reviews: log-normal lengths, tied and mostly-zero counts, a calibrated model, sketches that follow it."""
    margin = rng.choice([-2.5, 2.5], rows) + rng.normal(0, 2, rows)
    probability = 1 / (1 + np.exp(-margin))
    label = (probability >= 0.5).astype(np.int8)
    true_label = (rng.random(rows) < probability).astype(np.int8)
    length = np.maximum(3, np.exp(rng.normal(np.log(words), 0.6, rows)).round())
    counts = {name: rng.poisson(length / 173 * mean) for name, mean in (("html_tags", 0.3), ("exclamations", 1.0))}
    columns = {
        "words": length,
        "chars": length * 5 + rng.integers(0, 40, rows),
        "sentences": rng.poisson(length / 20),
        "negations": rng.poisson(length / 60),
        **counts,
    }
    descriptors = np.stack([columns.get(name, rng.beta(2, 60, rows).round(3)) for name in DESCRIPTORS], axis=1)
    latent = rng.standard_t(5, (rows, 8))
    latent[:, 0] += margin
    latent[:, 1] += topic
    sketch = latent @ np.random.default_rng(0).normal(size=(8, 64)) / 3 + rng.normal(0, 0.2, (rows, 64))
    return Sample(
        descriptors=descriptors.astype(np.float64),
        sketch=sketch.astype(np.float16).astype(np.float64),
        margin=margin,
        probability=probability,
        confidence=np.maximum(probability, 1 - probability),
        label=label,
        true_label=true_label,
    )


def verdict_on(reference: Sample, window: Sample, rng: np.random.Generator, feedback: int = 0) -> Decision:
    """The verdict with the fewest permutations that suffice, which keeps 200 checks quick."""
    correct = (window.label == window.true_label)[:feedback]
    battery = run_battery(DESCRIPTORS, reference, window, correct, BatteryLimits(alpha=ALPHA, permutations=1), rng)
    assert len(battery.statistics) == len(DESCRIPTORS) + 6 + (feedback >= 30)
    return decide(judge(battery.statistics, ALPHA))


def test_similar_data_alarms_no_more_often_than_stated() -> None:
    """200 resplits of one pool; 16 alarms are the 95 % point of 200 checks that alarm with probability 0.05."""
    rng = np.random.default_rng(2024)
    pool = make_pool(rng, 6_000)
    verdicts: Counter[Verdict] = Counter()
    for _ in range(200):
        order = rng.permutation(len(pool))
        verdicts[verdict_on(pool.take(order[:300]), pool.take(order[300:600]), rng, feedback=60).verdict] += 1
    assert verdicts[Verdict.DRIFT] <= 16, verdicts
    assert verdicts[Verdict.WARNING] <= 16, verdicts


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"words": 18.0}, "much shorter"), ({"topic": 2.0}, "a classifier distinguishes the window's texts")],
)
def test_foreign_traffic_is_drift_with_its_reason(change: dict[str, float], reason: str) -> None:
    rng = np.random.default_rng(1)
    decision = verdict_on(make_pool(rng, 1000), make_pool(rng, 300, **change), rng)
    assert decision.verdict is Verdict.DRIFT
    assert reason in decision.reason


def test_wrong_answers_to_similar_texts_are_drift() -> None:
    rng = np.random.default_rng(2)
    reference, window = make_pool(rng, 1000), make_pool(rng, 400)
    battery = run_battery(DESCRIPTORS, reference, window, np.arange(150) < 105, BatteryLimits(), rng)
    decision = decide(judge(battery.statistics, ALPHA))
    assert decision.verdict is Verdict.DRIFT
    assert decision.evidence[0].name == "feedback_accuracy"


def test_many_rows_do_not_turn_a_small_difference_into_drift() -> None:
    rng = np.random.default_rng(3)
    decision = verdict_on(make_pool(rng, 8_000), make_pool(rng, 12_000, words=178.0), rng)
    assert decision.verdict is Verdict.STABLE


def test_rows_without_descriptors_or_sketches_are_left_out_with_a_reason() -> None:
    rng = np.random.default_rng(4)
    reference, window = make_pool(rng, 400), make_pool(rng, 200)
    window.sketch[:180] = np.nan
    window.descriptors[:100] = np.nan
    battery = run_battery(DESCRIPTORS, reference, window, np.ones(3, dtype=bool), BatteryLimits(min_rows=50), rng)
    by_name = {statistic.name: statistic for statistic in battery.statistics}
    assert by_name["words"].n_window == 100
    assert "embedding_mmd" not in by_name
    assert any("embeddings: fewer than 50" in reason for reason in battery.skipped)
    assert any("3 true labels" in reason for reason in battery.skipped)


def test_permutations_follow_the_number_of_tests() -> None:
    rng = np.random.default_rng(5)
    reference, window = make_pool(rng, 100), make_pool(rng, 100)
    none = np.zeros(0, dtype=bool)
    battery = run_battery(DESCRIPTORS, reference, window, none, BatteryLimits(permutations=5), rng)
    assert battery.permutations >= len(battery.statistics) / ALPHA - 1
    assert min(s.p_value for s in battery.statistics if s.name == "words") >= 1 / (battery.permutations + 1)
    fixed = run_battery(DESCRIPTORS, reference, window, none, BatteryLimits(permutations=2_000), rng)
    assert fixed.permutations == 2_000


def test_the_same_seed_gives_the_same_statistics() -> None:
    reference, window = make_pool(np.random.default_rng(6), 300), make_pool(np.random.default_rng(7), 200)
    runs = [
        run_battery(DESCRIPTORS, reference, window, np.zeros(0, dtype=bool), BatteryLimits(), np.random.default_rng(0))
        for _ in range(2)
    ]
    assert runs[0] == runs[1]


def test_first_copies_keep_rows_without_a_hash() -> None:
    assert first_copies(["a", "b", "a", None, None, "b", "c"]).tolist() == [0, 1, 3, 4, 6]
    assert first_copies([]).tolist() == []
