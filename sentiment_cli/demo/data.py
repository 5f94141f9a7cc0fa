"""The demo's rows: parts to train on, to measure on, and to send as traffic, none of them twice."""

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
        """These rows in this order."""
        return Table(tuple(self.texts[row] for row in rows), tuple(self.labels[row] for row in rows))


@dataclass(frozen=True, slots=True)
class Parts:
    """`train` is None where the person's own training file is used as it is."""

    train: Table | None
    test: Table
    like: Table


def distinct(table: Table) -> Table:
    """The first of the rows that hold the same text."""
    first: dict[str, int] = {}
    for row, text in enumerate(table.texts):
        first.setdefault(text_hash(text), row)
    return table.take(list(first.values()))


def shuffled_by_turns(table: Table, seed: int) -> Table:
    """Rows in random order such that every beginning of it has the classes in the table's proportion."""
    rng = np.random.default_rng(seed)
    labels = np.array(table.labels)
    place = np.empty(len(table))
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        place[rows] = (np.arange(len(rows)) + rng.random()) / len(rows)
    return table.take(np.argsort(place, kind="stable").tolist())


def split_one(table: Table, *, like_rows: int, test_rows: int, seed: int) -> Parts:
    """A third at most (and `like_rows`) as traffic, a third of the others at most (and `test_rows`) to measure, the
    rest to train; stratified.

    Raises:
        TooFewRows: fewer than 100 rows would be left to measure, or to send.
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
    """A person's own test rows into rows to measure on and rows to send.

    Raises:
        TooFewRows: fewer than 100 rows would be left to measure, or to send.
    """
    rows = shuffled_by_turns(distinct(table), seed)
    like_end = min(like_rows, len(rows) // 2)
    parts = Parts(None, rows.take(range(like_end, min(like_end + test_rows, len(rows)))), rows.take(range(like_end)))
    need(len(rows), parts)
    return parts


def need(rows: int, parts: Parts) -> None:
    """TooFewRows when a part is too small to say anything."""
    if min(len(parts.test), len(parts.like)) < FEWEST_TEST:
        raise TooFewRows(
            f"{rows} different rows are too few: {len(parts.test)} would measure and {len(parts.like)} be sent, "
            f"each needs {FEWEST_TEST}. Give a larger file"
        )


def read_table(source: str, split: str, columns: tuple[str, str]) -> Table:
    """Read and validate labelled rows as training does (its errors say what is wrong, on which line)."""
    from training_job.data.reading import read_rows

    rows = read_rows(source, split, columns)
    return Table(tuple(rows.texts), tuple(rows.labels.tolist()))


def write_csv(table: Table, path: Path, columns: tuple[str, str] = ("text", "label")) -> Path:
    """Write a CSV that training reads, with labels in words."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows((text, LABELS[label]) for text, label in zip(table.texts, table.labels, strict=True))
    return path
