"""SQLite files that are read without a trace: backups, and files where nothing may be written."""

import contextlib
import hashlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from kit.log_rows import record, wait_until, write

from prediction_log import (
    LogError,
    WindowReader,
    add_feedback,
    database_size,
    labelled_texts,
    latest_reports,
    new_id,
    upgrade,
)
from prediction_log.maintenance.migrate import head, revision

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


@contextmanager
def not_root() -> Iterator[None]:
    """Root may write everywhere: be nobody for a while."""
    was = os.geteuid()
    if was == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(was)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that another user reaches, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch)
        path.chmod(0o755)
        yield path
        path.chmod(0o755)


def backup(path: Path, mode: str) -> Path:
    """A log with a row, in that journal mode."""
    upgrade(f"sqlite:///{path}")
    write(f"sqlite:///{path}", [record(text="fine")])
    wait_until(lambda: [file.name for file in path.parent.iterdir()] == [path.name])  # its thread closes the file
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute(f"PRAGMA journal_mode={mode}").fetchone() == (mode.lower(),)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    return path


def read_all(path: Path) -> None:
    """Every reader of the log."""
    url = f"sqlite:///{path}"
    reader = WindowReader(url)
    assert reader.summary(NOW - DAY, NOW + DAY).predictions == 1
    assert reader.read(NOW - DAY, NOW + DAY).text == ["fine"]
    assert len(reader.hourly(NOW - DAY, NOW + DAY)) == 1
    assert len(reader.feedback(NOW - DAY, NOW + DAY)) == 0
    assert labelled_texts(url, NOW - DAY, NOW + DAY) == []
    assert latest_reports(url, 1) == []
    assert database_size(url)[1]["predictions"] == 1
    assert revision(url) == head()


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_reading_a_backup_does_not_change_it(folder: Path, mode: str) -> None:
    path = backup(folder / "x %y#.db" if mode == "WAL" else folder / "x.db", mode)
    before = digest(path)
    read_all(path)
    assert digest(path) == before
    if mode == "DELETE":
        assert list(folder.iterdir()) == [path]


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_a_file_where_nothing_may_be_written_is_read(folder: Path, mode: str) -> None:
    path = backup(folder / "x.db", mode)
    before = digest(path)
    path.chmod(0o444)
    folder.chmod(0o555)
    with not_root():
        read_all(path)
        with pytest.raises(LogError, match=r"readonly database; DATABASE_URL names .* read-only database"):
            add_feedback(f"sqlite:///{path}", new_id(), "positive", None)
    assert digest(path) == before
    assert list(folder.iterdir()) == [path]


def test_rows_that_wait_beside_a_file_are_not_passed_over(folder: Path) -> None:
    path = folder / "x.db"
    upgrade(f"sqlite:///{path}")
    copy = folder / "copy"
    copy.mkdir()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE waiting (n)")
        connection.commit()
        for file in (path, folder / "x.db-wal"):
            shutil.copy(file, copy)
    copy.chmod(0o555)
    with not_root(), pytest.raises(LogError, match=r"rows wait in x.db-wal, .* copy both files into a writable folder"):
        revision(f"sqlite:///{copy}/x.db")
    copy.chmod(0o755)
    assert revision(f"sqlite:///{copy}/x.db") == head()


def test_a_new_file_is_opened_while_another_process_writes_its_first_rows(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("CREATE TABLE another_program (x)")
        other.execute("BEGIN IMMEDIATE")
        other.execute("INSERT INTO another_program VALUES (1)")
        with ThreadPoolExecutor(1) as pool:
            opening = pool.submit(upgrade, f"sqlite:///{path}")
            assert not wait((opening,), timeout=1).done
            other.execute("COMMIT")
            opening.result()
        assert revision(f"sqlite:///{path}") == head()
    with contextlib.closing(sqlite3.connect(path)) as later:
        assert later.execute("PRAGMA journal_mode").fetchone() == ("wal",)
