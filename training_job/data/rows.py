"""Labelled rows, and the parts that a training splits them into."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from training_job.errors import DataError

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
        """Return the rows at these indices, in this order."""
        chosen = np.asarray(indices, dtype=np.int64)
        return type(self)([self.texts[index] for index in chosen], self.labels[chosen])

    @property
    def fingerprint(self) -> str:
        """Hex sha256 of labels and texts in their order."""
        digest = hashlib.sha256()
        for text, label in zip(self.texts, self.labels, strict=True):
            raw = text.encode("utf-8", "surrogatepass")
            digest.update(b"%d %d\n" % (label, len(raw)))
            digest.update(raw)
        return digest.hexdigest()


@dataclass(frozen=True)
class FeedbackCounts:
    """Counts of feedback rows.

    Attributes:
        feedback_files, feedback_rows: files and rows read.
        feedback_repeats: rows whose text a later row labels again.
        feedback_in_test, feedback_in_validation: other rows left out because their text is of that part.
        feedback_added, feedback_relabelled: rows added to the training rows, and rows that change a training row's
            label. Each remaining row agrees with a training row.
    """

    feedback_files: int
    feedback_rows: int
    feedback_repeats: int
    feedback_in_test: int
    feedback_in_validation: int
    feedback_added: int
    feedback_relabelled: int


@dataclass(frozen=True)
class SplitCounts:
    """Rows that a split left out, and texts that have both labels.

    Attributes:
        test_copies_dropped: rows of the training file whose text is also in the test file.
        repeats_dropped: rows of the training file after the first row of each text.
        contradicting_texts: texts with both labels in the training file; they get the more frequent label.
        tied_texts_dropped: contradicting texts that have both labels equally often.
        test_repeats_dropped, test_contradicting_texts, test_tied_texts_dropped: the same counts for a test file.
        validation_kept_back: rows of the validation part beyond the limit; they are not trained on either.
    """

    test_copies_dropped: int = 0
    repeats_dropped: int = 0
    contradicting_texts: int = 0
    tied_texts_dropped: int = 0
    test_repeats_dropped: int = 0
    test_contradicting_texts: int = 0
    test_tied_texts_dropped: int = 0
    validation_kept_back: int = 0


@dataclass(frozen=True)
class Parts:
    """The rows of one training; every text is in one part, once.

    Attributes:
        train: ordered by the hash of the text, so the order of the file has no effect.
        validation: chooses the best weights and fits the temperature; every prefix is balanced like the whole.
        test: used for measuring only.
        counts: rows that were left out.
        test_held_out: whether the test rows were held out of the training file.
        feedback: counts of the feedback among the training rows; None without feedback.
    """

    train: Rows
    validation: Rows
    test: Rows
    counts: SplitCounts = SplitCounts()
    test_held_out: bool = False
    feedback: FeedbackCounts | None = None

    @property
    def fingerprint(self) -> str:
        """Hex sha256 of the rows used and of their parts."""
        joined = "\n".join(part.fingerprint for part in (self.train, self.validation, self.test))
        return hashlib.sha256(joined.encode()).hexdigest()


def need_both_classes(rows: Rows, what: str) -> None:
    """Raise DataError unless both labels occur."""
    found = np.unique(rows.labels)
    if len(found) < 2:
        have = "no rows" if not len(found) else f"only {('negative', 'positive')[int(found[0])]} rows"
        raise DataError(f"{what} holds {have}; a classifier needs both labels, so give rows of each")
