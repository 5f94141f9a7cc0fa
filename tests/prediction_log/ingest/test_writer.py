"""The writer on a database that works: rows get there once, bad ones fail alone, nothing is forgotten at the end."""

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from kit.log_rows import record, wait_until, write

from prediction_log import LogError, LogWriter, PredictionRecord, WindowReader, upgrade
from prediction_log.ingest.journal import Journal

MakeWriter = Callable[..., LogWriter]


def logged(url: str) -> list[str]:
    """Ids in the log, from any time."""
    now = datetime.now(UTC)
    return WindowReader(url).read(now - timedelta(days=2), now + timedelta(days=2)).ids


def spill(folder: Path, rows: list[PredictionRecord]) -> None:
    """The journal that a dead writer left behind."""
    journal = Journal(folder)
    journal.append(rows)
    journal.rotate()


def test_rows_of_many_threads_are_written_once(url: str, make_writer: MakeWriter) -> None:
    writer = make_writer(url, batch_rows=50)
    writer.start()
    rows = [record(text=f"row {n}") for n in range(400)]
    threads = [threading.Thread(target=lambda part=rows[n::8]: [writer.put(row) for row in part]) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_until(lambda: writer.stats().written == 400)
    stats = writer.stats()
    assert stats.database_up
    assert (stats.queued, stats.spilled, stats.lost, stats.journal_rows, stats.last_error) == (0, 0, 0, 0, None)
    assert stats.last_write is not None
    assert datetime.now(UTC) - stats.last_write < timedelta(minutes=1)
    assert sorted(logged(url)) == sorted(row.id for row in rows)


def test_a_row_alone_is_written_after_the_pause(url: str, make_writer: MakeWriter) -> None:
    writer = make_writer(url)
    writer.start()
    writer.put(row := record())
    wait_until(lambda: logged(url) == [row.id])


def test_close_writes_what_is_queued(url: str, make_writer: MakeWriter, tmp_path: Path) -> None:
    writer = make_writer(url, flush_seconds=60.0, batch_rows=100)
    writer.start()
    rows = [record() for _ in range(70)]
    for row in rows:
        writer.put(row)
    writer.close(10.0)
    assert sorted(logged(url)) == sorted(row.id for row in rows)
    assert (writer.stats().written, writer.stats().lost, writer.stats().database_up) == (70, 0, False)
    assert list((tmp_path / "spill").glob("*")) == []


def test_a_row_after_close_is_counted_as_lost(url: str, make_writer: MakeWriter) -> None:
    writer = make_writer(url)
    writer.start()
    writer.close(5.0)
    writer.put(record())
    assert writer.stats().lost == 1
    assert "closed" in str(writer.stats().last_error)


def test_a_writer_that_was_never_started_keeps_its_rows(url: str, tmp_path: Path, make_writer: MakeWriter) -> None:
    idle = make_writer(url)
    idle.put(row := record())
    idle.close(1.0)
    assert idle.stats().journal_rows == 1
    make_writer(url).start()
    wait_until(lambda: logged(url) == [row.id])


def test_existing_rows_change_nothing(url: str, make_writer: MakeWriter) -> None:
    rows = [record(text="first") for _ in range(5)]
    write(url, rows[:3])
    writer = make_writer(url)
    writer.start()
    for row in [*rows, *rows]:
        row.text = "second"
        writer.put(row)
    wait_until(lambda: writer.stats().queued == 0 and len(logged(url)) == 5)
    now = datetime.now(UTC)
    window = WindowReader(url).read(now - timedelta(days=1), now + timedelta(days=1))
    assert sorted(window.text, key=str) == ["first"] * 3 + ["second"] * 2


def test_a_bad_row_fails_alone(url: str, make_writer: MakeWriter, caplog: pytest.LogCaptureFixture) -> None:
    writer = make_writer(url)
    good = [record(text="\ud83d \x00", text_hash="\ud800") for _ in range(20)]
    bad = [
        record(margin=float("nan")),
        record(id="17"),
        record(sketch=b"short"),
        record(descriptors={"a": float("inf")}),
    ]
    for row in [*good[:10], *bad, *good[10:]]:
        writer.put(row)
    with caplog.at_level(logging.ERROR, "prediction_log"):
        writer.start()
        wait_until(lambda: writer.stats().queued == 0 and writer.stats().written == 20)
    assert sorted(logged(url)) == sorted(row.id for row in good)
    assert writer.stats().lost == len(bad)
    assert "margin is not finite" in caplog.text
    assert writer.stats().database_up


def test_a_row_that_only_the_database_refuses_fails_alone(url: str, make_writer: MakeWriter, server: object) -> None:
    """A constraint that a later schema may have: the batch is halved until the bad row is found."""
    from prediction_log.database.connection import connected, is_sqlite, parse_url, run

    statements = ["ALTER TABLE predictions ADD CONSTRAINT few CHECK (tokens < 400)"]
    if is_sqlite(parse_url(url)):
        statements = [
            "CREATE TRIGGER few BEFORE INSERT ON predictions WHEN NEW.tokens >= 400 BEGIN SELECT RAISE(ABORT, 'few'); END"
        ]

    async def change() -> None:
        from sqlalchemy import text

        async with connected(parse_url(url)) as connection:
            for statement in statements:
                await connection.execute(text(statement))

    run(change())
    rows = [record(tokens=401 if n in (3, 17) else 5) for n in range(20)]
    writer = make_writer(url)
    for row in rows:
        writer.put(row)
    writer.start()
    wait_until(lambda: writer.stats().written + writer.stats().lost == 20)
    assert (writer.stats().written, writer.stats().lost, writer.stats().spilled) == (18, 2, 0)
    assert sorted(logged(url)) == sorted(row.id for row in rows if row.tokens < 400)


class Memory:
    """A sink that keeps the batches, and does something during each insert."""

    def __init__(self) -> None:
        self.batches: list[list[PredictionRecord]] = []
        self.meanwhile: Callable[[], None] = lambda: None

    async def connect(self) -> None: ...

    async def insert(self, records: list[PredictionRecord]) -> None:
        self.batches.append(records)
        self.meanwhile()

    async def close(self) -> None: ...

    @property
    def sizes(self) -> list[int]:
        return [len(batch) for batch in self.batches]


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    sink = Memory()
    monkeypatch.setattr("prediction_log.ingest.writer.make_sink", lambda url: sink)
    return sink


def test_rows_that_come_during_an_insert_wait_for_others(memory: Memory, make_writer: MakeWriter) -> None:
    writer = make_writer("postgresql://db/log", flush_seconds=60.0, batch_rows=10)
    memory.meanwhile = lambda: writer.put(record())
    writer.start()
    wait_until(lambda: writer.stats().database_up)
    for count in (10, 9):
        before = writer.stats().written
        for _ in range(count):
            writer.put(record())
        wait_until(lambda before=before: writer.stats().written >= before + 10)
    assert memory.sizes == [10, 10]


def test_a_steady_stream_of_rows_does_not_delay_the_replay(
    memory: Memory, make_writer: MakeWriter, tmp_path: Path
) -> None:
    left = [record() for _ in range(3)]
    spill(tmp_path / "spill", left)
    writer = make_writer("postgresql://db/log")
    memory.meanwhile = lambda: writer.put(record())
    writer.put(record())
    writer.start()
    wait_until(lambda: writer.stats().replayed == 3)


def test_what_a_dead_writer_left_is_replayed(url: str, make_writer: MakeWriter, tmp_path: Path) -> None:
    rows = [record() for _ in range(25)]
    spill(tmp_path / "spill", rows[:10])
    spill(tmp_path / "spill", rows[10:])
    write(url, rows[5:8])  # it died between the insert and the end of the segment
    writer = make_writer(url, batch_rows=4)
    assert writer.stats().journal_rows == 25
    writer.start()
    wait_until(lambda: writer.stats().journal_rows == 0)
    assert sorted(logged(url)) == sorted(row.id for row in rows)
    assert (writer.stats().replayed, writer.stats().lost, writer.stats().journal_bytes) == (25, 0, 0)


def test_damaged_lines_are_counted_once_and_kept(url: str, make_writer: MakeWriter, tmp_path: Path) -> None:
    folder = tmp_path / "spill"
    rows = [record() for _ in range(6)]
    spill(folder, rows)
    (segment,) = folder.glob("*.jsonl")
    lines = segment.read_bytes().splitlines(keepends=True)
    lines[2] = b"0" * 8 + lines[2][8:]
    lines[5] = lines[5][:-9]
    segment.write_bytes(b"".join(lines))
    writer = make_writer(url)
    writer.start()
    wait_until(lambda: writer.stats().journal_rows == 0)
    assert sorted(logged(url)) == sorted(rows[n].id for n in (0, 1, 3, 4))
    assert (writer.stats().lost, writer.stats().replayed) == (2, 4)
    assert (folder / "damaged.txt").read_bytes() == lines[2] + lines[5] + b"\n"


def test_two_writers_share_a_folder(url: str, make_writer: MakeWriter, tmp_path: Path) -> None:
    old = [record() for _ in range(30)]
    for n in range(6):
        spill(tmp_path / "spill", old[5 * n : 5 * n + 5])
    writers = [make_writer(url) for _ in range(2)]
    rows = [record() for _ in range(40)]
    for writer in writers:
        writer.start()
    for n, row in enumerate(rows):
        writers[n % 2].put(row)
    wait_until(lambda: len(logged(url)) == 70)
    wait_until(lambda: all(writer.stats().journal_rows == 0 for writer in writers))
    assert sum(writer.stats().replayed for writer in writers) == 30
    assert sorted(logged(url)) == sorted(row.id for row in [*old, *rows])


def test_a_row_that_was_put_off_is_made_by_the_writer_and_one_that_cannot_be_made_is_lost_alone(
    empty_url: str, make_writer: MakeWriter
) -> None:
    made_in: list[str] = []

    def make(row: PredictionRecord) -> PredictionRecord:
        made_in.append(threading.current_thread().name)
        return row

    def fail() -> PredictionRecord:
        raise ValueError("no such thing")

    first, later = record(), record()
    writer = make_writer(empty_url)  # without tables: rows go to the journal first
    writer.start()
    for row in (partial(make, first), fail, partial(make, later)):
        writer.put(row)
    wait_until(lambda: writer.stats().spilled == 2)
    assert writer.stats().lost == 1
    assert "could not be made: ValueError: no such thing" in str(writer.stats().last_error)
    upgrade(empty_url)
    wait_until(lambda: writer.stats().journal_rows == 0)
    assert sorted(logged(empty_url)) == sorted([first.id, later.id])
    assert made_in == ["prediction-log"] * 2


def test_missing_tables_are_reported_and_waited_for(empty_url: str, make_writer: MakeWriter) -> None:
    writer = make_writer(empty_url)
    writer.start()
    writer.put(row := record())
    wait_until(lambda: writer.stats().spilled == 1)
    assert not writer.stats().database_up
    assert "python -m prediction_log upgrade" in str(writer.stats().last_error)
    upgrade(empty_url)
    wait_until(lambda: writer.stats().journal_rows == 0)
    assert logged(empty_url) == [row.id]


def test_an_address_that_cannot_be_used_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="DATABASE_URL"):
        LogWriter("mysql://somewhere/db", tmp_path)
