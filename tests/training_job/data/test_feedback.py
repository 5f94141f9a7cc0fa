"""Feedback joins the training rows, and no others."""

from dataclasses import replace
from pathlib import Path

import fsspec
import numpy as np
import pandas as pd
import pytest

from training_job.data.feedback import mix, read_feedback
from training_job.data.rows import FeedbackCounts, Parts, Rows
from training_job.errors import DataError


def _rows(*pairs: tuple[str, int]) -> Rows:
    return Rows([text for text, _ in pairs], np.array([label for _, label in pairs], dtype=np.int64))


PARTS = Parts(
    train=_rows(("good", 1), ("bad", 0), ("odd", 0)),
    validation=_rows(("fine", 1), ("dull", 0)),
    test=_rows(("great", 1), ("poor", 0)),
)


def _write(store: str, name: str, *pairs: tuple[str, object], at: list[object] | None = None) -> None:
    frame = pd.DataFrame(pairs, columns=["text", "label"])
    if at is not None:
        frame["at"] = at
    frame["prediction_id"] = [f"0190-{place}" for place in range(len(frame))]
    filesystem, folder = fsspec.core.url_to_fs(f"{store}/sentiment/feedback")
    filesystem.makedirs(folder, exist_ok=True)
    with filesystem.open(f"{folder}/{name}", "wb") as stream:
        frame.to_parquet(stream, index=False)


def test_files_are_read_the_oldest_first(store_uri: str) -> None:
    assert [len(part) if isinstance(part, Rows) else part for part in read_feedback(store_uri, "sentiment")] == [0, 0]
    _write(store_uri, "20260102T000000Z-b.parquet", ("warm", 0))
    _write(store_uri, "20260101T000000Z-c.parquet", ("warm", 1), ("cold", 0))
    fsspec.core.url_to_fs(f"{store_uri}/sentiment")[0].pipe_file(f"{store_uri}/sentiment/feedback/notes.txt", b"no")
    rows, files = read_feedback(f"{store_uri}/", "sentiment")
    assert files == 2 and rows.texts == ["warm", "cold", "warm"] and rows.labels.tolist() == [1, 0, 0]


def test_rows_are_in_the_order_in_which_their_labels_were_given(store_uri: str) -> None:
    """A file holds its rows by prediction, and a label may be exported after a later one."""
    hours = [pd.Timestamp(f"2026-01-01T0{hour}:00", tz="UTC") for hour in range(6)]
    _write(
        store_uri,
        "20260102T000000Z-a.parquet",
        ("warm", 1),
        ("cold", 0),
        ("warm", 0),
        at=[hours[4], hours[2], hours[1]],
    )
    _write(store_uri, "20260103T000000Z-b.parquet", ("cold", 1), at=[hours[0]])
    _write(store_uri, "20260101T030000Z-before-the-column.parquet", ("dull", 0))
    rows, _ = read_feedback(store_uri, "sentiment")
    assert list(zip(rows.texts, rows.labels.tolist(), strict=True)) == [
        ("cold", 1), ("warm", 0), ("cold", 0), ("dull", 0), ("warm", 1),
    ]  # fmt: skip
    mixed = mix(PARTS, rows, 3).train
    assert dict(zip(mixed.texts, mixed.labels.tolist(), strict=True))["cold"] == 0


def test_a_column_without_times_is_named(store_uri: str) -> None:
    _write(store_uri, "a.parquet", ("warm", 1), at=["yesterday"])
    with pytest.raises(DataError, match=r"a.parquet: the column at does not hold times"):
        read_feedback(store_uri, "sentiment")


def test_the_newest_label_counts_and_held_out_rows_stay_out() -> None:
    feedback = _rows(
        ("new", 0), ("new ", 1), ("great", 0), ("fine", 1), ("good", 1), ("odd", 1), ("other", 0), ("poor", 1),
    )  # fmt: skip
    parts = mix(PARTS, feedback, 3)
    assert list(zip(parts.train.texts, parts.train.labels.tolist(), strict=True)) == [
        ("good", 1), ("bad", 0), ("odd", 1), ("new ", 1), ("other", 0),
    ]  # fmt: skip
    assert parts.feedback == FeedbackCounts(
        feedback_files=3,
        feedback_rows=8,
        feedback_repeats=1,
        feedback_in_test=2,
        feedback_in_validation=1,
        feedback_added=2,
        feedback_relabelled=1,
    )
    assert parts.validation is PARTS.validation and parts.test is PARTS.test
    assert parts.fingerprint != PARTS.fingerprint and PARTS.train.labels.tolist() == [1, 0, 0]


def test_a_text_whose_hash_is_held_out_stays_out_before_it_is_in_the_file() -> None:
    """`apple` is one of the fifth, which a file without separate test rows holds out; `warm` is of the validation part."""
    feedback = _rows(("apple", 1), ("  warm\n", 1), ("late", 0))
    beside, alone = mix(PARTS, feedback, 1), mix(replace(PARTS, test_held_out=True), feedback, 1)
    assert beside.train.texts[3:] == ["apple", "late"] and alone.train.texts[3:] == ["late"]
    assert beside.feedback is not None and alone.feedback is not None
    assert (beside.feedback.feedback_in_test, beside.feedback.feedback_in_validation) == (0, 1)
    assert (alone.feedback.feedback_in_test, alone.feedback.feedback_in_validation) == (1, 1)


def test_without_feedback_the_rows_are_as_they_were() -> None:
    parts = mix(PARTS, _rows(), 0)
    assert parts.fingerprint == PARTS.fingerprint and parts.feedback is not None and parts.feedback.feedback_added == 0


def test_feedback_that_leaves_one_class_alone_is_refused() -> None:
    with pytest.raises(DataError, match="with its feedback, holds only positive rows"):
        mix(PARTS, _rows(("bad", 1), ("odd", 1)), 1)


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([("fine", 1), ("dull", 5)], r"a\.parquet: row 2: unknown label '5'"),
        ([(" ", 1)], r"a\.parquet: row 1: the text is empty"),
        ([(None, 1)], r"a\.parquet: row 1: the text is empty"),
    ],
)
def test_a_bad_row_is_named(pairs: list[tuple[str, object]], message: str, tmp_path: Path) -> None:
    _write(str(tmp_path), "a.parquet", *pairs)
    with pytest.raises(DataError, match=message):
        read_feedback(str(tmp_path), "sentiment")


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "sentiment/feedback"
    folder.mkdir(parents=True)
    (folder / "a.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match=r"feedback/a\.parquet is not a whole Parquet file"):
        read_feedback(str(tmp_path), "sentiment")
    pd.DataFrame({"text": ["a"], "stars": [1]}).to_parquet(folder / "a.parquet")
    with pytest.raises(DataError, match=r"feedback/a\.parquet has no column 'label'"):
        read_feedback(str(tmp_path), "sentiment")
