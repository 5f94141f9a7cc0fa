"""Labelled rows and what is done to them before a training: copies dropped, classes balanced, parts split off."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from model_release.features import text_hash
from training_job.errors import DataError

LARGEST_VALIDATION_SHARE = 0.2
TEST_SHARE = 0.2  # of a file that comes without test rows

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Rows:
    """Texts and their labels i64[n]: 0 negative, 1 positive."""

    texts: list[str]
    labels: IntArray

    def __post_init__(self) -> None:
        if len(self.texts) != len(self.labels):
            raise ValueError(f"{len(self.texts)} texts but {len(self.labels)} labels")

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, indices: Sequence[int] | IntArray) -> Self:
        """The rows at these places, in this order."""
        chosen = np.asarray(indices, dtype=np.int64)
        return type(self)([self.texts[index] for index in chosen], self.labels[chosen])

    @property
    def fingerprint(self) -> str:
        """Hex sha256 over labels and texts in their order."""
        digest = hashlib.sha256()
        for text, label in zip(self.texts, self.labels, strict=True):
            raw = text.encode("utf-8", "surrogatepass")
            digest.update(b"%d %d\n" % (label, len(raw)))
            digest.update(raw)
        return digest.hexdigest()


@dataclass(frozen=True)
class FeedbackCounts:
    """What became of feedback: rows read, of these the ones whose text a later one labels again, and of the rest the
    ones left out as copies of test or validation rows, added to the training rows, or changing a training row's label
    (the others say what a training row says already)."""

    feedback_files: int
    feedback_rows: int
    feedback_repeats: int
    feedback_in_test: int
    feedback_in_validation: int
    feedback_added: int
    feedback_relabelled: int


@dataclass(frozen=True)
class Parts:
    """The rows of one training; no text stands in two of them.

    Attributes:
        train: in random order.
        validation: chooses the best weights and fits the temperature; every beginning of it is balanced as the whole.
        test: measures, and does nothing else.
        test_copies_dropped: training rows that also stood in the test set.
        repeats_dropped: training rows that stood in the training set before.
        test_held_out: whether the test rows were taken from the training file.
        feedback: what of the training rows is feedback; None where none was asked for.
    """

    train: Rows
    validation: Rows
    test: Rows
    test_copies_dropped: int = 0
    repeats_dropped: int = 0
    test_held_out: bool = False
    feedback: FeedbackCounts | None = None

    @property
    def fingerprint(self) -> str:
        """Hex sha256 of the rows used, and of the part that each was used in."""
        joined = "\n".join(part.fingerprint for part in (self.train, self.validation, self.test))
        return hashlib.sha256(joined.encode()).hexdigest()


def balanced_order(labels: IntArray, seed: int) -> IntArray:
    """A random order of the rows such that the classes alternate as long as both last.

    So every beginning of an even length holds both classes equally, as far as the smaller class reaches, however the
    file was sorted.
    """
    rng = np.random.default_rng(seed)
    place = np.empty(len(labels))
    for label in (0, 1):
        rows = rng.permutation(np.flatnonzero(labels == label))
        place[rows] = np.arange(len(rows)) + rng.random()
    return np.argsort(place, kind="stable").astype(np.int64)


def proportional_order(labels: IntArray, seed: int) -> IntArray:
    """A random order of the rows such that every beginning holds the classes in the proportion of the whole."""
    rng = np.random.default_rng(seed)
    place = np.empty(len(labels))
    for label in (0, 1):
        rows = rng.permutation(np.flatnonzero(labels == label))
        place[rows] = (np.arange(len(rows)) + rng.random()) / max(len(rows), 1)
    return np.argsort(place, kind="stable").astype(np.int64)


def drop_copies(train: Rows, test: Rows) -> tuple[Rows, int, int]:
    """The training rows whose text is neither a test row's nor an earlier training row's; how many fell to each rule.

    Texts are compared in NFC with white space collapsed (`model_release.features.text_hash`).
    """
    held_out = {text_hash(text) for text in test.texts}
    seen: set[str] = set()
    kept, copies, repeats = [], 0, 0
    for index, text in enumerate(train.texts):
        key = text_hash(text)
        if key in held_out:
            copies += 1
        elif key in seen:
            repeats += 1
        else:
            seen.add(key)
            kept.append(index)
    return train.take(kept), copies, repeats


def need_both_classes(rows: Rows, what: str) -> None:
    """DataError unless both labels occur."""
    found = np.unique(rows.labels)
    if len(found) < 2:
        have = "no rows" if not len(found) else f"only {('negative', 'positive')[int(found[0])]} rows"
        raise DataError(f"{what} holds {have}; a classifier needs both labels, so give rows of each")


def split(
    train: Rows,
    test: Rows | None,
    *,
    train_rows: int | None,
    validation_rows: int,
    test_rows: int | None,
    seed: int,
) -> Parts:
    """Shuffle by `seed`, drop copies, and part the rows.

    Without test rows a fifth of the training rows is held out for them. Validation takes `validation_rows`, but at most
    a fifth of what is left; of the rest, `train_rows` rows with balanced classes are trained on (all of them, with the
    classes as they are, when it is None or reaches that far). `test_rows` limits the test set in the same way.

    Raises:
        DataError: a part lacks a class.
    """
    held_out = test is None
    copies = 0
    if test is None:
        train, _, repeats = drop_copies(train, Rows([], np.empty(0, dtype=np.int64)))
        order = proportional_order(train.labels, seed)
        cut = max(2, round(len(train) * TEST_SHARE))
        test, train = train.take(order[:cut]), train.take(np.sort(order[cut:]))
    else:
        train, copies, repeats = drop_copies(train, test)
    if test_rows is not None and test_rows < len(test):
        test = test.take(balanced_order(test.labels, seed)[:test_rows])
    need_both_classes(test, "the test set")
    need_both_classes(train, "the training set, without the copies of test rows,")
    order = proportional_order(train.labels, seed + 1)
    cut = max(2, min(validation_rows, round(len(train) * LARGEST_VALIDATION_SHARE)))
    validation, rest = train.take(order[:cut]), train.take(order[cut:])
    if train_rows is not None and train_rows < len(rest):
        rest = rest.take(balanced_order(rest.labels, seed + 2)[:train_rows])
    need_both_classes(rest, "what is left for training after validation rows are held out")
    need_both_classes(validation, "the validation set")
    return Parts(rest, validation, test, copies, repeats, held_out)
