"""Split of the rows into parts by the hash of each text alone, so that a row's part never changes."""

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

SCHEME = 1  # recorded in releases; a change of the key or the shares needs a new number
TEST_SHARE = 0.2
VALIDATION_SHARE = 0.1
_KEY = b"sentiment split 1"
_PLACES = 2**64


def place_of(key: str) -> int:
    """Map a text's `text_hash` to a place in [0, 2**64), by a keyed hash that no other use of the hash shares."""
    return int.from_bytes(hashlib.blake2b(bytes.fromhex(key), key=_KEY, digest_size=8).digest(), "big")


def _part_at(place: int, test_file: bool) -> Part:
    if place < TEST_SHARE * _PLACES:
        return "train" if test_file else "test"
    return "validation" if place < (TEST_SHARE + VALIDATION_SHARE) * _PLACES else "train"


def part_of(text: str, *, test_file: bool) -> Part:
    """Return the part of a text: a fifth of all texts are test rows, a tenth validation rows, the rest training rows.

    Args:
        test_file: whether the test rows come from a separate file; the fifth is then trained on too.
    """
    return _part_at(place_of(text_hash(text)), test_file)


@dataclass(frozen=True)
class Merged:
    """Rows of distinct texts in the order of their places, and counts of the merged rows.

    Attributes:
        places: the place of each row's text, ascending.
        keys: the `text_hash` of every text of the file, dropped texts included.
        copies: rows whose text was to be left out.
        repeats: rows after the first row of each text.
        contradicting: texts that have both labels.
        tied: contradicting texts that have both labels equally often, and are dropped.
    """

    rows: Rows
    places: list[int]
    keys: frozenset[str]
    copies: int
    repeats: int
    contradicting: int
    tied: int


def merge_copies(rows: Rows, without: Collection[str] = ()) -> Merged:
    """Merge the copies of each text into one row with the text's most frequent label.

    Texts are compared in NFC with white space collapsed (`model_release.scoring.features.text_hash`). Of copies that
    differ in layout the smallest is kept, so the result does not depend on the order of the rows.

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
    """Return each row's rank among the rows of its class, and the size of that class."""
    rank, size = np.empty(len(labels)), np.ones(len(labels))
    for label in (0, 1):
        rows = np.flatnonzero(labels == label)
        rank[rows], size[rows] = np.arange(len(rows)), len(rows)
    return rank, size


def balanced_order(labels: IntArray) -> IntArray:
    """Return an order of the rows in which the classes alternate until one runs out; within a class it is unchanged.

    Every prefix of even length holds both classes equally, as far as the smaller class reaches.
    """
    rank, _ = _ranks(labels)
    return np.argsort(rank, kind="stable").astype(np.int64)


def proportional_order(labels: IntArray) -> IntArray:
    """Return an order of the rows in which every prefix has the classes in the proportion of the whole; within a class
    it is unchanged."""
    rank, size = _ranks(labels)
    return np.argsort((rank + 0.5) / size, kind="stable").astype(np.int64)


def _limited(rows: Rows, limit: int | None) -> Rows:
    """Return all rows, or the first `limit` of them in balanced order."""
    return rows if limit is None or limit >= len(rows) else rows.take(balanced_order(rows.labels)[:limit])


def _in_part(merged: Merged, parts: Sequence[Part], part: Part) -> Rows:
    return merged.rows.take([index for index, found in enumerate(parts) if found == part])


def _need_share(part: Rows, whole: Rows, what: str, other: str) -> None:
    """Raise DataError unless both labels occur in a part that the hashes chose."""
    for label, name in enumerate(("negative", "positive")):
        if label not in part.labels:
            count = int(np.sum(whole.labels == label))
            raise DataError(
                f"none of {count:,} {name} rows belongs to {what}, and a row's part follows from its text alone; add "
                f"{name} rows{other}"
            )


def split(
    train: Rows, test: Rows | None, *, train_rows: int | None, validation_rows: int, test_rows: int | None
) -> Parts:
    """Merge copies, and split the rows by the hashes of their texts.

    A text's part depends on the text alone: a held-out row stays held out whatever rows are added, and whatever the
    order of the file, the seed and the limits are. Without test rows, a fifth of the texts is held out for the test.
    Limits select rows in the order of their hashes, with balanced classes; a held-out row beyond its limit is not
    trained on.

    Args:
        train_rows: limit of the training rows; None uses all, with the classes as they are.
        validation_rows: limit of the validation rows.
        test_rows: limit of the test rows; None uses all.

    Raises:
        DataError: the training or the test part lacks a class, or the validation part is empty.
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
        _need_share(tested, merged.rows, "the test set", ", or give separate test rows (TEST_DATA)")
    _need_share(trained, merged.rows, "the rows to train on", "")
    if not len(validation):
        raise DataError(
            f"none of {len(merged.rows):,} rows belongs to the validation set, a tenth of all texts; add rows"
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
