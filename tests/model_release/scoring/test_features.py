import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_release.scoring.features import DESCRIPTORS, SKETCH_SIZE, describe, sketch, text_hash


@given(st.text())
def test_descriptors_are_finite_and_shares_are_shares(text: str) -> None:
    described = describe(text)
    assert tuple(described) == DESCRIPTORS
    assert all(np.isfinite(value) and value >= 0 for value in described.values())
    assert all(value <= 1 for name, value in described.items() if name.endswith("_share"))


def test_descriptors_count_what_their_names_say() -> None:
    described = describe("I can't say it's NOT good!<br />Caf\u00e9 12.")
    assert described["negations"] == 2
    assert described["html_tags"] == 1
    assert described["exclamations"] == 1
    assert described["words"] == 9
    assert described["non_ascii_share"] == 1 / described["chars"]
    assert described["digit_share"] == 2 / described["chars"]


NEGATIONS = "no not never none nobody nothing neither nor nowhere cannot without".split()
PIECES = [
    *NEGATIONS,
    "n't",
    "n\u2019T",
    "n'",
    "can",
    "now",
    "another",
    "K",
    "\u0131",
    "_",
    "-",
    ".",
    "'",
    " ",
    "NO",
    "W\u0130thout",
]


@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_negations_are_those_of_the_plain_pattern(text: str) -> None:
    plain = rf"\b(?:{'|'.join(NEGATIONS)})\b|n['\u2019]t\b"
    assert describe(text)["negations"] == len(re.findall(plain, text, re.I))


@given(st.one_of(st.text(st.characters(max_codepoint=127)), st.text(st.characters(exclude_categories=()))))
def test_shares_of_characters_follow_unicode_in_any_script(text: str) -> None:
    described, size = describe(text), len(text) or 1
    assert described["upper_share"] == pytest.approx(sum(char.isupper() for char in text) / size)
    assert described["digit_share"] == pytest.approx(sum(char.isdigit() for char in text) / size)
    assert described["punctuation_share"] == pytest.approx(
        sum(not (char.isalnum() or char.isspace()) for char in text) / size
    )
    assert described["non_ascii_share"] == pytest.approx(sum(char > "\x7f" for char in text) / size)


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_has_a_hash(text: str) -> None:
    assert len(text_hash(text)) == 64


def test_layout_and_composition_do_not_change_the_hash() -> None:
    assert text_hash(" a\n\u00e9  b ") == text_hash("a e\u0301 b")
    assert text_hash("a b") != text_hash("A b")


def test_sketches_keep_distances_and_fit_float16() -> None:
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((200, 384)).astype(np.float32)
    small = sketch(rows).astype(np.float64)
    assert small.shape == (200, SKETCH_SIZE)
    true = np.linalg.norm(rows[:100] - rows[100:], axis=1)
    seen = np.linalg.norm(small[:100] - small[100:], axis=1)
    assert abs(np.mean(seen / true) - 1) < 0.05
    assert np.isfinite(sketch(rows * 1e8)).all()
    np.testing.assert_array_equal(sketch(rows), sketch(rows))
