"""The writer while things break: a server stopped, frozen or locked, a full disk, a killed process. No row is lost or stored twice."""

import contextlib
import errno
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from kit.log_rows import record, wait_until
from kit.postgres import Postgres

from prediction_log import LogWriter, PredictionRecord, WindowReader, upgrade
from prediction_log.ingest.journal import Journal
from prediction_log.record import time_of

MakeWriter = Callable[..., LogWriter]


def logged(url: str) -> list[str]:
    """Ids in the log, duplicates kept, sorted."""
    now = datetime.now(UTC)
    return sorted(WindowReader(url).read(now - timedelta(days=2), now + timedelta(days=2)).ids)


def ids(rows: list[PredictionRecord]) -> list[str]:
    return sorted(row.id for row in rows)


def put_some(writer: LogWriter, rows: list[PredictionRecord], count: int) -> None:
    """A little load: `count` rows over about a fifth of a second; each put returns at once."""
    for n in range(count):
        rows.append(record(text=f"row {n} \U0001f600"))
        writer.put(rows[-1])
        if n % 10 == 0:
            time.sleep(0.002)


def settled(writer: LogWriter) -> bool:
    stats = writer.stats()
    return stats.queued == 0 and stats.journal_rows == 0 and stats.database_up


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_postgres_stopped_under_writes_and_started_again(
    stoppable: Postgres, postgres_url: str, make_writer: MakeWriter, mode: str
) -> None:
    writer = make_writer(postgres_url, batch_rows=20)
    writer.start()
    rows: list[PredictionRecord] = []
    put_some(writer, rows, 100)
    wait_until(lambda: writer.stats().written > 0)
    put_some(writer, rows, 100)
    stoppable.stop("fast" if mode == "fast" else "immediate")
    put_some(writer, rows, 200)
    wait_until(lambda: not writer.stats().database_up and writer.stats().spilled > 0)
    assert writer.stats().last_error is not None
    stoppable.start()
    put_some(writer, rows, 100)
    wait_until(lambda: settled(writer))
    assert logged(postgres_url) == ids(rows)
    assert writer.stats().lost == 0
    assert writer.stats().replayed >= writer.stats().spilled > 0


def test_a_frozen_postgres_counts_as_down(stoppable: Postgres, postgres_url: str, make_writer: MakeWriter) -> None:
    writer = make_writer(postgres_url, batch_rows=20, insert_seconds=0.4)
    writer.start()
    rows: list[PredictionRecord] = []
    put_some(writer, rows, 40)
    wait_until(lambda: writer.stats().written == 40)
    stoppable.pause()
    put_some(writer, rows, 60)
    wait_until(lambda: writer.stats().spilled == 60)
    assert "no answer in time" in str(writer.stats().last_error)
    stoppable.resume()
    wait_until(lambda: settled(writer))
    assert logged(postgres_url) == ids(rows)
    assert writer.stats().lost == 0


def with_postgres_frozen(stoppable: Postgres, writer: LogWriter) -> tuple[LogWriter, list[PredictionRecord]]:
    """The writer, started, with the ten rows that it brought to Postgres before that froze."""
    writer.start()
    rows: list[PredictionRecord] = []
    put_some(writer, rows, 10)
    wait_until(lambda: writer.stats().written == 10)
    stoppable.pause()
    return writer, rows


def test_a_full_queue_spills_while_an_insert_is_waited_for(
    stoppable: Postgres, postgres_url: str, make_writer: MakeWriter
) -> None:
    writer, rows = with_postgres_frozen(
        stoppable, make_writer(postgres_url, batch_rows=10, queue_rows=30, insert_seconds=60.0)
    )
    put_some(writer, rows, 100)
    wait_until(
        lambda: writer.stats().spilled >= 60
    )  # counted once they are on disk, a moment after they left the queue
    assert writer.stats().queued <= 30 + 10
    stoppable.resume()
    wait_until(lambda: settled(writer))
    assert logged(postgres_url) == ids(rows)
    assert writer.stats().lost == 0


def test_rows_that_a_frozen_postgres_delays_go_to_the_journal(
    stoppable: Postgres, postgres_url: str, make_writer: MakeWriter
) -> None:
    writer, rows = with_postgres_frozen(stoppable, make_writer(postgres_url, batch_rows=10, insert_seconds=60.0))
    put_some(writer, rows, 25)
    wait_until(lambda: writer.stats().journal_rows == 25)  # the batch in progress among them
    assert (writer.stats().queued, writer.stats().spilled) == (0, 25)
    put_some(writer, rows, 5)
    wait_until(lambda: writer.stats().journal_rows == 30)
    stoppable.resume()
    wait_until(lambda: settled(writer))
    assert logged(postgres_url) == ids(rows)
    assert writer.stats().lost == 0


def test_close_does_not_wait_for_a_frozen_postgres(
    stoppable: Postgres, postgres_url: str, make_writer: MakeWriter
) -> None:
    writer, rows = with_postgres_frozen(stoppable, make_writer(postgres_url, batch_rows=10, insert_seconds=60.0))
    put_some(writer, rows, 50)
    writer.close(0.5)
    assert not any(thread.name == "prediction-log" for thread in threads())
    assert (writer.stats().lost, writer.stats().journal_rows) == (0, 50)
    stoppable.resume()
    replays_the_rest(make_writer, postgres_url, rows)


def threads() -> list[object]:
    import threading

    return [thread for thread in threading.enumerate() if thread.is_alive()]


def replays_the_rest(make_writer: MakeWriter, url: str, rows: list[PredictionRecord]) -> None:
    """The next writer brings what the journal holds."""
    following = make_writer(url)
    following.start()
    wait_until(lambda: settled(following))
    assert logged(url) == ids(rows)
    assert following.stats().lost == 0


def test_close_while_postgres_is_down(stoppable: Postgres, postgres_url: str, make_writer: MakeWriter) -> None:
    writer = make_writer(postgres_url, batch_rows=10)
    stoppable.stop("immediate")
    writer.start()
    rows: list[PredictionRecord] = []
    put_some(writer, rows, 35)
    writer.close(2.0)
    assert (writer.stats().lost, writer.stats().journal_rows, writer.stats().database_up) == (0, 35, False)
    stoppable.start()
    replays_the_rest(make_writer, postgres_url, rows)


def test_a_database_that_is_down_again_during_the_replay(
    stoppable: Postgres, postgres_url: str, make_writer: MakeWriter, tmp_path: Path
) -> None:
    rows = [record(text="x" * 200) for _ in range(3000)]
    journal = Journal(tmp_path / "spill")
    journal.append(rows)
    journal.rotate()
    writer = make_writer(postgres_url, batch_rows=5)
    writer.start()
    wait_until(lambda: writer.stats().replayed > 0)
    stoppable.stop("immediate")
    wait_until(lambda: not writer.stats().database_up)
    assert writer.stats().journal_rows == 3000
    stoppable.start()
    wait_until(lambda: settled(writer))
    assert logged(postgres_url) == ids(rows)
    assert writer.stats().lost == 0


@contextlib.contextmanager
def locked(url: str) -> Iterator[None]:
    """Another client's write that does not end."""
    with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def test_a_locked_sqlite_counts_as_down(tmp_path: Path, make_writer: MakeWriter) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    upgrade(url)
    writer = make_writer(url, insert_seconds=0.3)
    writer.start()
    rows: list[PredictionRecord] = []
    with locked(url):
        put_some(writer, rows, 30)
        wait_until(lambda: writer.stats().spilled == 30)
    put_some(writer, rows, 10)
    wait_until(lambda: settled(writer))
    assert logged(url) == ids(rows)
    assert writer.stats().lost == 0
    with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=5)) as connection:
        connection.execute("BEGIN IMMEDIATE")  # nothing holds the file any more


def test_close_does_not_wait_for_a_locked_sqlite(tmp_path: Path, make_writer: MakeWriter) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    upgrade(url)
    writer = make_writer(url, flush_seconds=60.0)
    writer.start()
    wait_until(lambda: writer.stats().database_up)
    rows = [record() for _ in range(20)]
    for row in rows:
        writer.put(row)
    with locked(url):
        writer.close(0.3)
        assert (writer.stats().lost, writer.stats().journal_rows) == (0, 20)
    replays_the_rest(make_writer, url, rows)


def test_a_full_disk_while_spilling_keeps_rows_in_memory(
    stoppable: Postgres, postgres_url: str, make_writer: MakeWriter, tmp_path: Path
) -> None:
    from resource import RLIMIT_FSIZE, getrlimit, setrlimit

    writer = make_writer(postgres_url, batch_rows=10, queue_rows=200)
    writer.start()
    wait_until(lambda: writer.stats().database_up)
    stoppable.stop("immediate")
    rows = [record(text="x" * 3000) for _ in range(100)]
    before = getrlimit(RLIMIT_FSIZE)
    setrlimit(RLIMIT_FSIZE, (100_000, before[1]))
    try:
        for row in rows:
            writer.put(row)
        wait_until(lambda: "journal" in str(writer.stats().last_error))
        stats = writer.stats()
        assert stats.queued > 0
        assert (stats.queued + stats.spilled, stats.lost) == (100, 0)
        assert stats.journal_bytes < 100_000
    finally:
        setrlimit(RLIMIT_FSIZE, before)
    stoppable.start()
    wait_until(lambda: settled(writer))
    assert logged(postgres_url) == ids(rows)
    assert writer.stats().lost == 0


def test_a_full_disk_is_tried_with_one_batch(make_writer: MakeWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Encoding all that memory holds at each try would take the processor from the requests."""
    writer = make_writer("postgresql://me@127.0.0.1:1/none", queue_rows=50, batch_rows=10)
    tries: list[int] = []
    append = Journal.append

    def full(_: Journal, records: list[PredictionRecord]) -> None:
        tries.append(len(records))
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Journal, "append", full)
    for _ in range(200):
        writer.put(record())
    writer.start()
    wait_until(lambda: len(tries) > 5)
    assert max(tries) == 10
    assert (writer.stats().lost, writer.stats().spilled) == (0, 0)
    monkeypatch.setattr(Journal, "append", append)
    wait_until(lambda: writer.stats().spilled == 200)
    assert (writer.stats().queued, writer.stats().lost, writer.stats().journal_rows) == (0, 0, 200)


def test_with_no_database_no_disk_and_no_memory_rows_are_counted(tmp_path: Path, make_writer: MakeWriter) -> None:
    (tmp_path / "file").write_text("")
    writer = make_writer("postgresql://me@127.0.0.1:1/none", tmp_path / "file" / "spill", queue_rows=20, batch_rows=10)
    writer.start()
    writer.put(record())
    wait_until(lambda: "journal" in str(writer.stats().last_error))
    for _ in range(149):
        writer.put(record())
    assert writer.stats().lost >= 50 - 10  # a batch may be in progress
    assert writer.stats().queued <= 100 + 10
    writer.close(1.0)
    assert (writer.stats().queued, writer.stats().lost) == (0, 150)


def test_a_burst_faster_than_the_journal_is_not_lost(tmp_path: Path, make_writer: MakeWriter) -> None:
    writer = make_writer("postgresql://me@127.0.0.1:1/none", queue_rows=10, batch_rows=10)
    rows = [record() for _ in range(2000)]
    for row in rows[:1000]:
        writer.put(row)
    writer.start()
    for row in rows[1000:]:
        writer.put(row)
    wait_until(lambda: writer.stats().spilled == 2000)
    assert (writer.stats().queued, writer.stats().lost, writer.stats().journal_rows) == (0, 0, 2000)


KILLED = """
import os, signal, sys, time
from pathlib import Path
from kit.log_rows import record
from prediction_log import LogWriter

writer = LogWriter(sys.argv[1], Path(sys.argv[2]), flush_seconds=0.02)
writer.start()
for n in range(40):
    row = record(text=f"row {n}")
    writer.put(row)
    print(row.id, flush=True)
while writer.stats().spilled < 40:
    time.sleep(0.01)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_spilled_is_replayed_by_the_next(
    url: str, tmp_path: Path, make_writer: MakeWriter
) -> None:
    nowhere = "postgresql://me@127.0.0.1:1/none"
    command = [sys.executable, "-c", KILLED, nowhere, str(tmp_path / "spill")]
    environment = {"PYTHONPATH": f"{Path.cwd()}:{Path(__file__).parents[2]}", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr
    (segment,) = (tmp_path / "spill").glob("*.jsonl")
    with segment.open("ab") as stream:
        stream.write(b'0123abcd {"id": "torn')
    writer = make_writer(url)
    writer.start()
    wait_until(lambda: settled(writer))
    assert logged(url) == sorted(done.stdout.split())
    assert all(time_of(row_id) <= datetime.now(UTC) for row_id in done.stdout.split())
    assert (writer.stats().replayed, writer.stats().lost) == (40, 1)
