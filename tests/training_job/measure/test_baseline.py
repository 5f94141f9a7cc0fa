"""The yardstick learns what words tell, and no more than words tell."""

import numpy as np
import pytest
from kit.chinese_reviews import make_chinese
from kit.factories import make_texts

from training_job.measure.baseline import CHARACTERS, WORDS, measure_baseline


def test_it_learns_words_that_carry_the_label() -> None:
    train, test = make_texts(300, 0, (20, 40)), make_texts(200, 1, (20, 40))
    found = measure_baseline(*train, *test)
    assert found.accuracy.low > 0.9
    assert found.f1.value > 0.9
    assert found.features > 100
    assert measure_baseline(*train, *test).accuracy == found.accuracy


def test_labels_without_a_cause_are_not_learned() -> None:
    texts, _ = make_texts(300, 0)
    labels = np.random.default_rng(0).integers(0, 2, 300)
    found = measure_baseline(texts[:150], labels[:150], texts[150:], labels[150:])
    assert found.accuracy.low < 0.5 < found.accuracy.high


def test_a_handful_of_rows_is_enough_to_run() -> None:
    found = measure_baseline(["good", "bad"], np.array([1, 0]), ["good film", "bad film"], np.array([1, 0]))
    assert found.accuracy.value == 1.0


def test_without_blanks_between_words_it_learns_characters() -> None:
    found = measure_baseline(*make_chinese(320, 0), *make_chinese(100, 1))
    assert found.kind == CHARACTERS and found.features > 300
    assert found.accuracy.low > 0.9


@pytest.mark.parametrize(
    ("good", "bad", "kind"),
    [
        ("👍👍 😀", "👎 😡", CHARACTERS),
        ("อร่อยมาก ชอบมาก", "ไม่อร่อย ไม่ชอบ", CHARACTERS),
        ("очень хорошо", "очень плохо", WORDS),
    ],
)
def test_other_scripts(good: str, bad: str, kind: str) -> None:
    texts, labels = [good, bad] * 150, np.array([1, 0] * 150)
    found = measure_baseline(texts, labels, texts[:20], labels[:20])
    assert (found.kind, found.accuracy.value) == (kind, 1.0)
