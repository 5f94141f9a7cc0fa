"""A text's part follows from the text alone, whatever the other rows and their order are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kit.factories import make_texts

from model_release.scoring.features import text_hash
from training_job.data.rows import Parts, Rows
from training_job.data.split import balanced_order, merge_copies, part_of, proportional_order, split
from training_job.errors import DataError


def _rows(count: int, seed: int = 0, positives: float = 0.5) -> Rows:
    """Different texts, sorted by label as some public files are."""
    labels = np.sort((np.arange(count) < count * positives).astype(np.int64))
    return Rows([f"{seed} text {index}" for index in range(count)], labels)


def _split(train: Rows, test: Rows | None = None, **limits: int | None) -> Parts:
    return split(train, test, **({"train_rows": None, "validation_rows": 1000, "test_rows": None} | limits))  # type: ignore[arg-type]


def _hashes(*parts: Rows) -> set[str]:
    return {text_hash(text) for rows in parts for text in rows.texts}


def _of(parts: Parts) -> dict[str, set[str]]:
    return {name: _hashes(getattr(parts, name)) for name in ("train", "validation", "test")}


def test_rows_added_to_a_file_move_no_row_into_the_test() -> None:
    rows = Rows(*make_texts(550, 3))
    first, second = _split(rows.take(range(500))), _split(rows)
    assert len(second.test) > len(first.test)
    assert not _hashes(second.test) & _hashes(first.train, first.validation)
    assert not _hashes(second.validation) & _hashes(first.train, first.test)


@given(count=st.integers(2, 300), share=st.floats(0.05, 0.95))
@settings(max_examples=80)
def test_orders_keep_classes_balanced_from_the_beginning(count: int, share: float) -> None:
    labels = _rows(count, positives=share).labels
    smaller = min(int(labels.sum()), count - int(labels.sum()))
    balanced = balanced_order(labels)
    assert sorted(balanced) == list(range(count))
    for size in range(2, 2 * smaller + 1, 2):
        assert labels[balanced[:size]].sum() == size // 2
    proportional = proportional_order(labels)
    assert sorted(proportional) == list(range(count))
    running = np.cumsum(labels[proportional])
    expected = np.arange(1, count + 1) * labels.mean()
    assert np.abs(running - expected).max() <= 2.0


_ROW = st.tuples(st.integers(0, 60), st.integers(0, 1))
_MANY = tuple((100 + index, index % 2) for index in range(60))  # so that each part has rows of both labels


def _numbered(rows: list[tuple[int, int]]) -> Rows:
    texts = [f"{' ' * (at % 3)}text  {number}" for at, (number, _) in enumerate(rows)]
    return Rows(texts, np.array([label for _, label in rows], dtype=np.int64))


@given(
    first=st.lists(_ROW, max_size=40),
    more=st.lists(_ROW, max_size=40),
    with_test=st.booleans(),
    limits=st.tuples(*[st.one_of(st.just(1000), st.integers(2, 30))] * 3),
    data=st.data(),
)
@settings(max_examples=60)
def test_order_limits_and_later_rows_leave_every_text_in_its_part(
    first: list[tuple[int, int]],
    more: list[tuple[int, int]],
    with_test: bool,
    limits: tuple[int, int, int],
    data: st.DataObject,
) -> None:
    test = _rows(20, 7) if with_test else None
    chosen = dict(zip(("train_rows", "validation_rows", "test_rows"), limits, strict=True))
    rows = _numbered([*first, *_MANY])
    shuffled = rows.take(data.draw(st.permutations(range(len(rows)))))
    before = _split(rows, test)
    assert _split(shuffled, test).fingerprint == before.fingerprint
    assert _split(shuffled, test).counts == before.counts
    limited = _split(shuffled, test, **chosen)
    assert limited.fingerprint == _split(rows, test, **chosen).fingerprint
    grown = _split(_numbered([*more, *first, *_MANY]), test)
    for name, found in _of(before).items():
        assert _of(limited)[name] <= found
        for other, hashes in _of(grown).items():
            assert other == name or not hashes & found


def test_a_held_out_row_beyond_its_limit_is_not_trained_on() -> None:
    rows = _rows(1000)
    few, all_of = _split(rows, test_rows=20, validation_rows=10, train_rows=100), _split(rows)
    assert (len(few.train), len(few.validation), len(few.test)) == (100, 10, 20)
    assert few.train.labels.sum() == 50 and few.test.labels.sum() == 10 and few.validation.labels.sum() == 5
    assert few.counts.validation_kept_back == len(all_of.validation) - 10 > 50
    assert not _hashes(_split(rows, test_rows=20, validation_rows=10).train) & _hashes(all_of.test, all_of.validation)
    places = [int(text.split()[-1]) for text in few.train.texts]
    assert max(places) > 900 and min(places) < 100


def test_a_fifth_and_a_tenth_are_held_out_and_a_test_file_frees_the_fifth() -> None:
    rows = _rows(3000)
    alone, beside = _split(rows), _split(rows, _rows(50, 1))
    assert alone.test_held_out and not beside.test_held_out
    assert len(alone.test) == pytest.approx(600, abs=80) and len(alone.validation) == pytest.approx(300, abs=60)
    assert _hashes(beside.validation) == _hashes(alone.validation)
    assert _hashes(beside.train) == _hashes(alone.train, alone.test)
    for text in beside.validation.texts:
        assert part_of(f"  {text}\n", test_file=True) == part_of(text, test_file=False) == "validation"


def test_the_parts_of_known_texts_never_change() -> None:
    """A change of the key or the shares makes old test rows training rows; it needs a new number of the scheme."""
    found = [part_of(f"text {number}", test_file=False) for number in range(40)]
    assert [number for number, part in enumerate(found) if part == "test"] == KNOWN_TEST
    assert [number for number, part in enumerate(found) if part == "validation"] == KNOWN_VALIDATION


KNOWN_TEST = [1, 4, 6, 7, 12, 19]
KNOWN_VALIDATION = [0, 14, 16, 28, 30, 31]


def test_copies_are_counted_in_both_files() -> None:
    train, test = _rows(200), _rows(50, 1)
    mixed = Rows([*train.texts, *test.texts[:10], train.texts[0] + " "], np.append(train.labels, [0] * 11))
    twice = Rows([*test.texts, test.texts[3]], np.append(test.labels, test.labels[3]))
    counts = _split(mixed, twice).counts
    assert (counts.test_copies_dropped, counts.repeats_dropped, counts.test_repeats_dropped) == (10, 1, 1)
    assert (counts.contradicting_texts, counts.tied_texts_dropped) == (0, 0)
    parts = _split(mixed)
    texts = [*parts.train.texts, *parts.validation.texts, *parts.test.texts]
    assert len(texts) == len(set(texts)) == 210 and train.texts[0] in texts


def test_contradicting_labels_are_counted_and_the_majority_kept() -> None:
    rows = Rows(["a", "a ", " a", "b", "b", "c", "d", "d"], np.array([1, 0, 1, 1, 0, 1, 0, 0]))
    found = merge_copies(rows)
    assert dict(zip(found.rows.texts, found.rows.labels.tolist(), strict=True)) == {" a": 1, "c": 1, "d": 0}
    assert (found.repeats, found.contradicting, found.tied, found.copies) == (4, 2, 1, 0)
    assert len(rows) == len(found.rows) + found.repeats + found.tied
    tied = Rows(["0 text 0", "0 text 0", *_rows(200).texts], np.array([0, 1, *_rows(200).labels]))
    counts = _split(_rows(200, 4), tied).counts  # three labels 0 and one 1: the majority counts
    assert (counts.test_contradicting_texts, counts.test_tied_texts_dropped, counts.test_repeats_dropped) == (1, 0, 2)
    ambiguous = Rows(["0 text 5", "0 text 5", *_rows(9, 8).texts], np.array([0, 1, *_rows(9, 8).labels]))
    assert text_hash("0 text 5") not in _hashes(_split(_rows(200), ambiguous).train)


@given(
    train=st.lists(st.sampled_from("abcdefghijklmnop"), min_size=1, max_size=40),
    test=st.lists(st.sampled_from("abcdefgh"), max_size=20),
)
def test_no_text_of_the_test_set_is_trained_on_and_none_twice(train: list[str], test: list[str]) -> None:
    rows = Rows([f"  text {name} \n" for name in train], np.zeros(len(train), dtype=np.int64))
    held_out = {text_hash(f"text {name}") for name in test}
    found = merge_copies(rows, held_out)
    hashes = [text_hash(text) for text in found.rows.texts]
    assert len(set(hashes)) == len(hashes) and not set(hashes) & held_out
    assert len(found.rows) + found.copies + found.repeats == len(rows)
    assert found.copies == sum(name in test for name in train)


def test_what_is_left_must_hold_both_classes() -> None:
    test = _rows(40)
    with pytest.raises(DataError, match="without the copies of test rows, holds no rows"):
        _split(test, test)
    with pytest.raises(DataError, match="without the copies of test rows, holds only negative rows"):
        _split(Rows([f"row {index}" for index in range(31)], np.zeros(31, dtype=np.int64)), test)
    negatives = [f"row {index}" for index in range(60)]
    trained = next(text for text in map(str, range(99)) if part_of(text, test_file=False) == "train")
    rare = Rows([*negatives, trained], np.array([0] * 60 + [1]))
    with pytest.raises(
        DataError, match=r"none of 1 positive rows belongs to the test set.*; add positive rows, or .*TEST_DATA"
    ):
        _split(rare)
    parts = _split(rare, test)  # a validation set of one label is of use: the temperature stays 1
    assert set(parts.validation.labels.tolist()) == {0} and parts.train.labels.sum() == 1
    never = [text for text in map(str, range(99)) if part_of(text, test_file=True) == "train"]
    with pytest.raises(DataError, match=r"none of 20 rows belongs to the validation set.*; add rows"):
        _split(Rows(never[:20], np.arange(20) % 2), test)
