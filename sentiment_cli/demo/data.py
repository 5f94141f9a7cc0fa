"""The demo's rows: disjoint parts to train on, to evaluate on, and to send as traffic."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model_release.scoring.features import text_hash
from sentiment_cli.errors import CliError

LABELS = ("negative", "positive")
FEWEST_TEST = 100


class TooFewRows(CliError):
    """The files hold too few different rows for the demo's parts."""


@dataclass(frozen=True, slots=True)
class Table:
    """Texts with labels 0 (negative) or 1 (positive)."""

    texts: tuple[str, ...]
    labels: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: Sequence[int]) -> "Table":
        """Return these rows in this order."""
        return Table(tuple(self.texts[row] for row in rows), tuple(self.labels[row] for row in rows))


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of the demo's rows; `train` is None where a user's training file is used unchanged."""

    train: Table | None
    test: Table
    like: Table


def distinct(table: Table) -> Table:
    """Keep the first of the rows with the same text."""
    first: dict[str, int] = {}
    for row, text in enumerate(table.texts):
        first.setdefault(text_hash(text), row)
    return table.take(list(first.values()))


def shuffled_by_turns(table: Table, seed: int) -> Table:
    """Shuffle the rows so that every prefix has the table's class proportions."""
    rng = np.random.default_rng(seed)
    labels = np.array(table.labels)
    place = np.empty(len(table))
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        place[rows] = (np.arange(len(rows)) + rng.random()) / len(rows)
    return table.take(np.argsort(place, kind="stable").tolist())


def split_one(table: Table, *, like_rows: int, test_rows: int, seed: int) -> Parts:
    """Split one table, stratified, into traffic, test rows and training rows.

    Traffic takes at most `like_rows` and a third; test rows at most `test_rows` and a third of the remainder.

    Raises:
        TooFewRows: the test part or the traffic has fewer than 100 rows.
    """
    rows = shuffled_by_turns(distinct(table), seed)
    like_end = min(like_rows, len(rows) // 3)
    test_end = like_end + min(test_rows, (len(rows) - like_end) // 3)
    ends = ((0, like_end), (like_end, test_end), (test_end, len(rows)))
    like, test, train = (rows.take(range(*each)) for each in ends)
    parts = Parts(train, test, like)
    need(len(rows), parts)
    return parts


def split_test(table: Table, *, like_rows: int, test_rows: int, seed: int) -> Parts:
    """Split a user's test rows into rows to evaluate on and rows to send.

    Raises:
        TooFewRows: the test part or the traffic has fewer than 100 rows.
    """
    rows = shuffled_by_turns(distinct(table), seed)
    like_end = min(like_rows, len(rows) // 2)
    parts = Parts(None, rows.take(range(like_end, min(like_end + test_rows, len(rows)))), rows.take(range(like_end)))
    need(len(rows), parts)
    return parts


def need(rows: int, parts: Parts) -> None:
    """Raise TooFewRows when a part is too small to be meaningful."""
    if min(len(parts.test), len(parts.like)) < FEWEST_TEST:
        raise TooFewRows(
            f"{rows} different rows are too few: {len(parts.test)} to evaluate and {len(parts.like)} to send, "
            f"each needs {FEWEST_TEST}; give a larger file"
        )


def read_table(source: str, split: str, columns: tuple[str, str]) -> Table:
    """Read and validate labelled rows with training's own reader."""
    from training_job.data.reading import read_rows

    rows = read_rows(source, split, columns)
    return Table(tuple(rows.texts), tuple(rows.labels.tolist()))


def write_csv(table: Table, path: Path, columns: tuple[str, str] = ("text", "label")) -> Path:
    """Write a CSV for training, with labels as words."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows((text, LABELS[label]) for text, label in zip(table.texts, table.labels, strict=True))
    return path
