"""Part of a training that a row belongs to, decided by the hash of its text alone, so that it never changes."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from model_release.scoring.features import text_hash
from training_job.data.rows import IntArray, Parts, Rows, SplitCounts, need_both_classes
from training_job.errors import DataError

Part = Literal["train", "validation", "test"]

SCHEME = 1  # of the key and the shares; a change of either needs a new number, which releases record
TEST_SHARE = 0.2
VALIDATION_SHARE = 0.1
_KEY = b"sentiment split 1"
_PLACES = 2**64


def place_of(key: str) -> int:
    """The place in [0, 2**64) of a text, by its `text_hash`: a keyed hash, so that no other use of the text's hash
    depends on it."""
    return int.from_bytes(hashlib.blake2b(bytes.fromhex(key), key=_KEY, digest_size=8).digest(), "big")


def _part_at(place: int, test_file: bool) -> Part:
    if place < TEST_SHARE * _PLACES:
        return "train" if test_file else "test"
    return "validation" if place < (TEST_SHARE + VALIDATION_SHARE) * _PLACES else "train"


def part_of(text: str, *, test_file: bool) -> Part:
    """The part of a text: a fifth of all texts are test rows, a tenth validation rows, the rest is trained on.

    Args:
        test_file: whether the test rows come from a file of their own; the fifth is trained on then.
    """
    return _part_at(place_of(text_hash(text)), test_file)


@dataclass(frozen=True)
class Merged:
    """Rows of different texts in the order of their places, and the counts of what was merged.

    Attributes:
        places: the place of each row's text, ascending.
        keys: the `text_hash` of every text of the file, also of those that were dropped.
        copies: rows left out because their text was to be left out.
        repeats: rows beyond the first of each text.
        contradicting: texts that stand with both labels.
        tied: texts among those that stand equally often with both, and are dropped.
    """

    rows: Rows
    places: list[int]
    keys: frozenset[str]
    copies: int
    repeats: int
    contradicting: int
    tied: int


def merge_copies(rows: Rows, without: Collection[str] = ()) -> Merged:
    """One row for each text, with the label that the text has most often.

    Texts are compared in NFC with white space collapsed (`model_release.scoring.features.text_hash`). Of copies that
    differ in layout the smallest is kept, so the result is the same for every order of the rows.

    Args:
        without: hashes of texts to leave out.
    """
    copies_of: dict[str, list[int]] = {}
    for index, text in enumerate(rows.texts):
        copies_of.setdefault(text_hash(text), []).append(index)
    left_out = sum(len(indices) for key, indices in copies_of.items() if key in without)
    kept: list[tuple[int, str, int]] = []
    texts = contradicting = tied = 0
    for key, indices in copies_of.items():
        if key in without:
            continue
        texts += 1
        positive, count = int(rows.labels[indices].sum()), len(indices)
        contradicting += 0 < positive < count
        if 2 * positive == count:
            tied += 1
        else:
            kept.append((place_of(key), min(rows.texts[index] for index in indices), int(2 * positive > count)))
    kept.sort()
    labels = np.array([label for _, _, label in kept], dtype=np.int64)
    merged = Rows([text for _, text, _ in kept], labels)
    repeats = len(rows) - left_out - texts
    places = [place for place, _, _ in kept]
    return Merged(merged, places, frozenset(copies_of), left_out, repeats, contradicting, tied)


def _ranks(labels: IntArray) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Each row's rank among the rows of its class, and the size of that class."""
    rank, size = np.empty(len(labels)), np.ones(len(labels))
    for label in (0, 1):
        rows = np.flatnonzero(labels == label)
        rank[rows], size[rows] = np.arange(len(rows)), len(rows)
    return rank, size


def balanced_order(labels: IntArray) -> IntArray:
    """An order of the rows such that the classes alternate as long as both last; within a class it stays as it was.

    Every prefix of an even length holds both classes equally, as far as the smaller class reaches.
    """
    rank, _ = _ranks(labels)
    return np.argsort(rank, kind="stable").astype(np.int64)


def proportional_order(labels: IntArray) -> IntArray:
    """An order of the rows such that every prefix holds the classes in the proportion of the whole; within a class it
    stays as it was."""
    rank, size = _ranks(labels)
    return np.argsort((rank + 0.5) / size, kind="stable").astype(np.int64)


def _limited(rows: Rows, limit: int | None) -> Rows:
    """All rows, or the first `limit` of them in balanced order."""
    return rows if limit is None or limit >= len(rows) else rows.take(balanced_order(rows.labels)[:limit])


def _in_part(merged: Merged, parts: Sequence[Part], part: Part) -> Rows:
    return merged.rows.take([index for index, found in enumerate(parts) if found == part])


def _need_share(part: Rows, whole: Rows, what: str, other: str) -> None:
    """DataError unless both labels occur in a part that the hashes chose."""
    for label, name in enumerate(("negative", "positive")):
        if label not in part.labels:
            count = int(np.sum(whole.labels == label))
            raise DataError(
                f"none of {count:,} {name} rows falls to {what}, and a row's part follows from its text alone; add "
                f"{name} rows{other}"
            )


def split(
    train: Rows, test: Rows | None, *, train_rows: int | None, validation_rows: int, test_rows: int | None
) -> Parts:
    """Merge copies, and part the rows by the hashes of their texts.

    A text's part depends on nothing but the text: a row that is held out stays held out whatever rows are added, in
    every order of the file, with every seed and limit. Without test rows a fifth of the texts is held out for them. The
    limits take rows in the order of their hashes, with balanced classes; a held-out row beyond its limit is not trained
    on.

    Args:
        train_rows: most rows to train on; None trains on all, with the classes as they are.
        validation_rows: most rows to validate on.
        test_rows: most rows to test on; None tests on all.

    Raises:
        DataError: the training or the test part lacks a class, or no row falls to the validation part.
    """
    tests = merge_copies(test) if test is not None else None
    merged = merge_copies(train, tests.keys if tests else ())
    need_both_classes(merged.rows, "the training file, without the copies of test rows," if tests else "the file")
    parts = [_part_at(place, tests is not None) for place in merged.places]
    tested = _limited(tests.rows if tests else _in_part(merged, parts, "test"), test_rows)
    held_out = _in_part(merged, parts, "validation")
    validation = held_out.take(proportional_order(held_out.labels)[:validation_rows])
    trained = _limited(_in_part(merged, parts, "train"), train_rows)
    if tests:
        need_both_classes(tested, "the test set")
    else:
        _need_share(tested, merged.rows, "the test set", ", or give test rows of their own (TEST_DATA)")
    _need_share(trained, merged.rows, "the rows to train on", "")
    if not len(validation):
        raise DataError(
            f"none of {len(merged.rows):,} rows falls to the validation set, a tenth of all texts; add rows"
        )
    counts = SplitCounts(
        test_copies_dropped=merged.copies,
        repeats_dropped=merged.repeats,
        contradicting_texts=merged.contradicting,
        tied_texts_dropped=merged.tied,
        test_repeats_dropped=tests.repeats if tests else 0,
        test_contradicting_texts=tests.contradicting if tests else 0,
        test_tied_texts_dropped=tests.tied if tests else 0,
        validation_kept_back=len(held_out) - len(validation),
    )
    return Parts(trained, validation, tested, counts, tests is None)
