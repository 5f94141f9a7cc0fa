"""Sliding windows: they cover the text, are full, share what was promised, and are as few as that allows."""

import math
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from model_release.scoring.windows import window_starts

overlaps = st.floats(0, 0.9)


@given(st.integers(0, 5000), st.integers(1, 600), overlaps)
def test_windows_cover_the_text_and_are_full(tokens, width, overlap):
    starts = window_starts(tokens, width, overlap)
    assert starts[0] == 0 and starts == sorted(set(starts))
    assert starts[-1] == max(0, tokens - width)  # the last one ends with the text
    assert all(after - before <= width for before, after in pairwise(starts))  # no gap


@given(st.integers(0, 5000), st.integers(1, 600), overlaps)
def test_neighbours_share_the_overlap_and_windows_are_few(tokens, width, overlap):
    starts = window_starts(tokens, width, overlap)
    step = max(1, int(width * (1 - overlap)))
    assert all(after - before <= step for before, after in pairwise(starts))
    assert len(starts) == 1 + math.ceil(max(0, tokens - width) / step)


def test_one_window_up_to_its_width_and_two_from_there():
    assert window_starts(0, 510) == window_starts(510, 510) == [0]
    assert window_starts(511, 510) == [0, 1]
    assert window_starts(1000, 510) == [0, 245, 490]
