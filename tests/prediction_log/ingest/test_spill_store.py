"""Mirrored segments: their form, and the objects under SPILL_URI, in a folder and in S3."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.log_rows import any_record, record

from prediction_log import LogError, PredictionRecord
from prediction_log.ingest.journal import encode
from prediction_log.ingest.spill_store import SpillStore, Unreadable, name_of, pack, unpack

NAME = "pod-1/00000000000000000001-1-1.jsonl"


def segment(records: list[PredictionRecord]) -> bytes:
    return b"".join(map(encode, records))


@given(st.lists(any_record, max_size=5))
def test_a_segment_comes_back_whole(records: list[PredictionRecord]) -> None:
    assert unpack(NAME, pack(NAME, segment(records))) == records


@given(st.lists(any_record, min_size=1, max_size=3), st.data())
def test_a_torn_object_is_refused_wherever_it_is_torn(records: list[PredictionRecord], data: st.DataObject) -> None:
    raw = pack(NAME, segment(records))
    with pytest.raises(Unreadable):
        unpack(NAME, raw[: data.draw(st.integers(0, len(raw) - 1))])


@given(st.lists(any_record, min_size=1, max_size=3), st.data())
def test_a_changed_byte_of_a_row_is_noticed(records: list[PredictionRecord], data: st.DataObject) -> None:
    raw = bytearray(pack(NAME, segment(records)))
    at = data.draw(st.integers(raw.index(b"\n") + 1, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Unreadable):
        unpack(NAME, bytes(raw))


@given(st.lists(any_record, min_size=1, max_size=3), st.data())
def test_what_a_crash_tore_stays_behind(records: list[PredictionRecord], data: st.DataObject) -> None:
    last = encode(records[-1])
    torn = segment(records[:-1]) + last[: data.draw(st.integers(0, len(last) - 1))]
    assert unpack(NAME, pack(NAME, torn)) == records[:-1]


def test_copies_foreign_objects_and_other_versions_are_distinguished() -> None:
    raw = pack(NAME, segment([record()]))
    with pytest.raises(Unreadable, match="copy of 'pod-1/"):
        unpack("pod-2/00000000000000000001-1-1.jsonl", raw)
    for foreign in (b"", b"hello\n", b'{"format":"other/1"}\n', b"[]\n", b"\xff\xfe"):
        with pytest.raises(Unreadable, match="not a segment of the prediction log"):
            unpack(NAME, foreign)
    body = raw.partition(b"\n")[2].replace(b'"tokens"', b'"tokenz"')
    with pytest.raises(Unreadable, match="torn or was changed"):
        unpack(NAME, raw.partition(b"\n")[0] + b"\n" + body)


@pytest.mark.parametrize(("owner", "folder"), [("pod-1", "pod-1"), ("a/../b c", "a-..-b-c"), ("..", "unnamed")])
def test_an_owner_stays_in_its_folder(owner: str, folder: str) -> None:
    assert name_of(owner, "x.jsonl") == f"{folder}/x.jsonl"


def test_objects_are_listed_read_and_deleted(store_uri: str) -> None:
    store = SpillStore(f"{store_uri}/spill/")
    assert store.list() == ([], [])
    names = [f"pod-{n}/{9 - n:020d}-1-{n}.jsonl" for n in range(3)]
    for name in names:
        store.put(name, name.encode())
    store.put(names[0], b"again")
    store.put("pod-1/notes.txt", b"someone's")
    segments, foreign = store.list()
    assert [one.name for one in segments] == names[::-1]  # the oldest first, by the segments' own times
    assert [(one.owner, one.size) for one in segments][-1] == ("pod-0", 5)
    assert all(abs(datetime.now(UTC) - one.modified) < timedelta(minutes=1) for one in segments)
    assert foreign == ["pod-1/notes.txt"]
    assert store.get(names[0]) == b"again"
    for _ in range(2):
        store.delete(names[0])
    assert store.get(names[0]) is None
    assert len(store.list()[0]) == 2


def test_a_store_that_cannot_be_used_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="SPILL_URI is empty"):
        SpillStore("  ")
    with pytest.raises(LogError, match=r"SPILL_URI 'gopher://x' cannot be used.*s3://bucket/prefix or a folder"):
        SpillStore("gopher://x")
    (tmp_path / "file").write_text("")
    with pytest.raises(LogError, match="check SPILL_URI"):
        SpillStore(f"{tmp_path}/file/spill").put(NAME, b"")


def test_a_missing_bucket(s3_uri: str) -> None:
    store = SpillStore("s3://no-such-bucket-of-tests/spill")
    with pytest.raises(LogError, match="check SPILL_URI"):
        store.put(NAME, b"")
