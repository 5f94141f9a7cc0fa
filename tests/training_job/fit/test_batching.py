"""Batches hold each row once, of like length, in another order each epoch; texts are read as the scorer reads them."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kit.factories import make_texts

from model_release import ReleaseStore, Scorer
from training_job.data.rows import Rows
from training_job.fit.tokenised import (
    POOL_BATCHES,
    TokenisedRows,
    batches_per_epoch,
    epoch_batches,
    padding_share,
    tokenise,
)

LENGTHS = st.lists(st.integers(2, 512), min_size=1, max_size=400)


@given(lengths=LENGTHS, batch_size=st.integers(1, 20), seed=st.integers(0, 9), epoch=st.integers(0, 3))
@settings(max_examples=100)
def test_an_epoch_holds_each_row_once(lengths: list[int], batch_size: int, seed: int, epoch: int) -> None:
    batches = list(epoch_batches(np.array(lengths), batch_size, seed, epoch))
    assert sorted(np.concatenate(batches)) == list(range(len(lengths)))
    assert len(batches) == batches_per_epoch(len(lengths), batch_size)
    assert sum(len(batch) < batch_size for batch in batches) <= 1
    again = list(epoch_batches(np.array(lengths), batch_size, seed, epoch))
    assert all(np.array_equal(one, two) for one, two in zip(batches, again, strict=True))


def test_batches_are_of_like_length_differ_by_epoch_and_follow_no_trend() -> None:
    lengths = np.random.default_rng(0).integers(10, 500, 3000)
    batches = list(epoch_batches(lengths, 16, 0, 0))
    plain = [np.arange(start, start + 16) for start in range(0, 3000 - 16, 16)]
    assert padding_share(lengths, batches, 512) < 0.05 < 0.3 < padding_share(lengths, plain, 512)
    means = np.array([lengths[batch].mean() for batch in batches])
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.25
    first = {tuple(sorted(batch)) for batch in batches}
    second = {tuple(sorted(batch)) for batch in epoch_batches(lengths, 16, 0, 1)}
    assert len(first & second) < len(first) / 10
    assert len(lengths) > 16 * POOL_BATCHES  # several pools


@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=8),
    max_tokens=st.sampled_from([40, 44, 48]),
)
def test_a_batch_is_padded_to_a_multiple_of_eight_and_never_beyond_the_limit(
    lengths: list[int], max_tokens: int
) -> None:
    ids = [np.arange(1, length + 1, dtype=np.int32) for length in lengths]
    rows = TokenisedRows(ids, np.arange(len(ids)) % 2, max_tokens, pad_id=99)
    tokens, mask, labels = rows.batch(range(len(ids)))
    width = tokens.shape[1]
    assert tokens.dtype == mask.dtype == np.int64
    assert max(lengths) <= width <= max_tokens and (width % 8 == 0 or width == max_tokens)
    assert width - max(lengths) < 8
    assert mask.sum(axis=1).tolist() == lengths
    assert (tokens[mask == 0] == 99).all()
    for row, expected in zip(tokens, ids, strict=True):
        assert row[: len(expected)].tolist() == expected.tolist()
    assert labels.tolist() == [index % 2 for index in range(len(ids))]


@pytest.mark.parametrize("truncation", ["head", "head_tail"])
def test_training_reads_texts_as_the_scorer_does(
    truncation: str, tiny_release: tuple[str, str], tmp_path: Path
) -> None:
    uri, release_id = tiny_release
    scorer = Scorer.load(ReleaseStore(uri).fetch("sentiment", release_id, tmp_path), threads=1)
    texts = [*make_texts(20, 3, (1, 120))[0], "", "broken \ud800 half", "émigré 😀\n\ttab"]
    rows = Rows(texts, np.zeros(len(texts), dtype=np.int64))
    ours = tokenise(scorer.tokenizer, rows, scorer.spec.max_tokens, truncation)  # type: ignore[arg-type]
    theirs = scorer.encode(texts, truncation)  # type: ignore[arg-type]
    assert [row.tolist() for row in ours.ids] == [encoding.ids for encoding in theirs]
    assert max(ours.lengths) == scorer.spec.max_tokens
    assert any(encoding.truncated for encoding in theirs)
