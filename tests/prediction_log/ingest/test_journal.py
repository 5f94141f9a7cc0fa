"""The journal: its codec, its segments, and what is left of it after accidents."""

import errno
import io
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.log_rows import any_record, record

from prediction_log import PredictionRecord
from prediction_log.ingest.journal import DAMAGED, SEGMENT_BYTES, Journal, decode, encode


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """No file grows beyond `size` bytes: what a full disk is to a writer, short writes included."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def read_all(journal: Journal) -> list[PredictionRecord]:
    """Replay everything that can be claimed."""
    journal.rotate()
    rows: list[PredictionRecord] = []
    while segment := journal.claim():
        for batch in segment.batches(3):
            assert len(batch) <= 3
            rows += batch
        segment.finish()
    return rows


@given(any_record)
def test_a_line_gives_back_its_row(row: PredictionRecord) -> None:
    line = encode(row)
    assert line.count(b"\n") == 1
    assert decode(line) == row


def test_numpy_scalars_become_plain_numbers() -> None:
    row = record(probability=0.5, margin=np.float32(1.5), tokens=np.int32(7), truncated=np.bool_(True))
    back = decode(encode(row))
    assert back == row
    assert back is not None
    assert type(back.margin) is float


@given(any_record, st.data())
def test_a_changed_byte_or_a_torn_line_is_noticed(row: PredictionRecord, data: st.DataObject) -> None:
    line = encode(row)
    place = data.draw(st.integers(0, len(line) - 2))
    flipped = bytearray(line)
    flipped[place] ^= data.draw(st.integers(1, 255))
    for broken in (bytes(flipped), line[:place]):
        # A checksum's digits may change their case and mean the same.
        assert decode(broken) in (None, row) if place < 8 else decode(broken) is None


@given(st.binary(max_size=200))
def test_garbage_is_no_row(line: bytes) -> None:
    assert decode(line) is None


def test_rows_come_back_in_order_and_the_folder_is_empty_then(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "spill")
    rows = [record() for _ in range(10)]
    journal.append(rows[:4])
    journal.append(rows[4:])
    assert (journal.rows, journal.bytes) == (10, sum(len(encode(row)) for row in rows))
    assert read_all(journal) == rows
    assert (journal.rows, journal.bytes, list(journal.folder.iterdir())) == (0, 0, [])


def test_a_large_journal_has_several_segments(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    rows = [record(text="x" * (SEGMENT_BYTES // 3)) for _ in range(7)]
    for row in rows:
        journal.append([row])
    assert len(list(tmp_path.iterdir())) == 3
    assert [row.id for row in read_all(journal)] == [row.id for row in rows]


def test_a_segment_in_use_is_not_claimed_by_another(tmp_path: Path) -> None:
    ours, theirs = Journal(tmp_path), Journal(tmp_path)
    ours.append([record()])
    assert theirs.claim() is None  # being written
    ours.rotate()
    segment = theirs.claim()
    assert segment is not None
    assert ours.claim() is None  # being replayed
    segment.release()
    assert len(read_all(ours)) == 1
    assert theirs.claim() is None
    assert (ours.rows, theirs.rows) == (0, 0)


def test_a_released_segment_is_read_again_from_its_start(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    rows = [record() for _ in range(5)]
    journal.append(rows)
    journal.rotate()
    segment = journal.claim()
    assert segment is not None
    assert next(segment.batches(2)) == rows[:2]
    segment.release()
    assert journal.rows == 5
    assert read_all(journal) == rows


def test_a_torn_tail_and_a_corrupted_line_cost_only_themselves(tmp_path: Path) -> None:
    rows = [record(text=f"row {n}") for n in range(4)]
    lines = [encode(row) for row in rows]
    lines[1] = lines[1].replace(b"row 1", b"row 9")
    lines[3] = lines[3][:-20]
    (tmp_path / "00000000000000000001-1-1.jsonl").write_bytes(b"".join(lines))
    journal = Journal(tmp_path)
    assert journal.rows == 4
    journal.rotate()
    segment = journal.claim()
    assert segment is not None
    list(segment.batches(10))
    segment.release()  # as when the database goes away: nothing is counted yet
    assert journal.damaged == 0
    assert read_all(journal) == [rows[0], rows[2]]
    assert (journal.damaged, journal.rows) == (2, 0)
    assert (tmp_path / DAMAGED).read_bytes() == lines[1] + lines[3] + b"\n"


def test_a_full_disk_takes_all_of_a_list_or_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    first, second, third = ([record(text="x" * 30_000) for _ in range(count)] for count in (1, 8, 1))
    with file_size_limit(100_000):
        journal.append(first)
        size = journal.bytes
        with pytest.raises(OSError) as caught:
            journal.append(second)
        assert caught.value.errno == errno.EFBIG
        assert (journal.bytes, journal.rows) == (size, 1)
        journal.append(third)
    journal.append(second)
    assert read_all(journal) == [*first, *third, *second]
    assert journal.damaged == 0


def test_a_segment_that_cannot_be_cut_back_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a line stays where a failed write left it; nothing is written behind it, where it would be damaged too."""
    journal = Journal(tmp_path)
    first, second = record(text="a"), record(text="b" * 300)
    journal.append([first])

    def broken(self: object, size: int) -> int:
        raise OSError(errno.EIO, "Input/output error")

    class Failing(io.FileIO):
        truncate = broken

    (segment,) = tmp_path.glob("*.jsonl")
    journal._file = Failing(str(segment), "ab")
    journal._file.seek(0, io.SEEK_END)
    with file_size_limit(segment.stat().st_size + 100), pytest.raises(OSError):
        journal.append([second])
    assert segment.read_bytes().count(b"\n") == 1
    journal.append([second])
    assert len(list(tmp_path.glob("*.jsonl"))) == 2
    assert read_all(journal) == [first, second]


def test_sealed_segments_are_those_that_nobody_writes(tmp_path: Path) -> None:
    ours, theirs = Journal(tmp_path), Journal(tmp_path)
    ours.append([record()])
    theirs.append([record()])
    assert ours.sealed(()) == []
    ours.rotate()
    (sealed,) = ours.sealed(())
    assert ours.sealed({sealed.name}) == []
    claimed = ours.claim()
    assert claimed is not None and claimed.name == sealed.name
    assert (ours.sealed(()), theirs.sealed(())) == ([sealed], [])  # in use elsewhere: its user mirrors it
    claimed.finish()
    assert ours.sealed(()) == []


def test_thousands_of_segments_are_replayed_in_order(tmp_path: Path) -> None:
    journal, rows = Journal(tmp_path), [record() for _ in range(500)]
    for row in rows:
        journal.append([row])
        journal.rotate()
    assert read_all(journal) == rows
    assert (journal.rows, list(tmp_path.iterdir())) == (0, [])


def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError):
        Journal(tmp_path / "file" / "spill").append([record()])
