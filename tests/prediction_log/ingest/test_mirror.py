"""The mirror of the journal: what outlives a pod whose disk is gone with it. Real Postgres, a folder or S3."""

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from kit.log_rows import record, wait_until
from kit.postgres import Postgres

from prediction_log import LogError, LogWriter, PredictionRecord, WindowReader
from prediction_log.ingest.journal import Journal
from prediction_log.ingest.mirror import Mirror
from prediction_log.ingest.replay import replay
from prediction_log.ingest.spill_store import SpillStore, unpack

MakeWriter = Callable[..., LogWriter]
NOWHERE = "postgresql://me@127.0.0.1:1/none"


def logged(url: str) -> list[str]:
    now = datetime.now(UTC)
    return sorted(WindowReader(url).read(now - timedelta(days=2), now + timedelta(days=2)).ids)


def ids(rows: list[PredictionRecord]) -> list[str]:
    return sorted(row.id for row in rows)


def mirrored(uri: str) -> list[str]:
    """Ids of the rows under SPILL_URI, copies and all."""
    store = SpillStore(uri)
    found = ((segment.name, store.get(segment.name)) for segment in store.list()[0])
    return sorted(row.id for name, raw in found if raw is not None for row in unpack(name, raw))


def all_mirrored(uri: str, rows: list[PredictionRecord]) -> bool:
    return mirrored(uri) == ids(rows)


def put(writer: LogWriter, count: int) -> list[PredictionRecord]:
    rows = [record(text=f"row {n}") for n in range(count)]
    for row in rows:
        writer.put(row)
    return rows


def test_spilled_rows_are_mirrored_and_the_copies_go_when_they_are_written(
    stoppable: Postgres, postgres_url: str, make_writer: MakeWriter, store_uri: str
) -> None:
    writer = make_writer(postgres_url, spill_uri=store_uri, owner="pod-1", mirror_seconds=0.1)
    writer.start()
    rows = put(writer, 30)
    wait_until(lambda: writer.stats().written == 30 and writer.stats().journal_rows == 0)
    wait_until(partial(all_mirrored, store_uri, []))  # on a slow machine the insert may have been delayed
    stoppable.stop("fast")
    down: list[PredictionRecord] = []
    for _ in range(3):
        down += put(writer, 20)
        wait_until(partial(all_mirrored, store_uri, down))
    stats = writer.stats()
    assert stats.mirrored_rows >= 60
    assert stats.mirrored_bytes > 60 * 100
    assert {one.owner for one in SpillStore(store_uri).list()[0]} == {"pod-1"}
    stoppable.start()
    wait_until(lambda: writer.stats().journal_rows == 0 and writer.stats().database_up)
    wait_until(lambda: SpillStore(store_uri).list() == ([], []))
    assert logged(postgres_url) == ids(rows + down)
    assert (writer.stats().lost, writer.stats().mirror_failures) == (0, 0)


def test_what_is_unwritten_at_the_end_is_mirrored_and_replayed_by_others(
    stoppable: Postgres, postgres_url: str, make_writer: MakeWriter, store_uri: str, tmp_path: Path
) -> None:
    stoppable.stop("immediate")
    writer = make_writer(postgres_url, tmp_path / "pod", spill_uri=store_uri, mirror_seconds=3600.0)
    writer.start()
    rows = put(writer, 50)
    writer.close(4.0)
    assert mirrored(store_uri) == ids(rows)
    shutil.rmtree(tmp_path / "pod")  # the pod's disk goes with it
    stoppable.start()
    assert replay(postgres_url, SpillStore(store_uri)).rows == 50
    assert logged(postgres_url) == ids(rows)


def test_the_next_writer_adopts_the_segments_of_pods_that_are_gone(
    postgres_url: str, make_writer: MakeWriter, tmp_path: Path
) -> None:
    uri = str(tmp_path / "spill-uri")
    writer = make_writer(NOWHERE, tmp_path / "pod-1", spill_uri=uri, owner="pod-1")
    writer.start()
    rows = put(writer, 20)
    writer.close(1.0)
    up = False
    mirror = Mirror(uri, postgres_url, lambda: up, owner="pod-2", adopt_seconds=0.05, quiet=timedelta(seconds=1))
    mirror.start()
    time.sleep(1.2)
    assert mirrored(uri) == ids(rows)  # not while the database is away
    up = True
    wait_until(lambda: mirror.stats().adopted == 20)
    assert logged(postgres_url) == ids(rows)
    wait_until(lambda: SpillStore(uri).list() == ([], []))
    mirror.close(1.0)
    assert mirror.stats().failures == 0


def test_a_living_pods_segments_are_not_adopted(postgres_url: str, make_writer: MakeWriter, tmp_path: Path) -> None:
    uri = str(tmp_path / "spill-uri")
    writer = make_writer(NOWHERE, tmp_path / "pod-1", spill_uri=uri, owner="pod-1", mirror_seconds=0.05)
    writer.start()
    rows = put(writer, 20)
    wait_until(lambda: mirrored(uri) == ids(rows))
    mirror = Mirror(uri, postgres_url, lambda: True, owner="pod-2", adopt_seconds=0.05)
    mirror.start()
    time.sleep(0.5)
    mirror.close(1.0)
    assert (mirror.stats().adopted, mirrored(uri)) == (0, ids(rows))


def test_a_store_that_is_away_costs_nothing_but_the_copies(
    postgres_url: str, make_writer: MakeWriter, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    uri = tmp_path / "spill-uri"
    uri.write_text("no folder can be made here")
    writer = make_writer(NOWHERE, spill_uri=str(uri), mirror_seconds=0.05)
    with caplog.at_level(logging.WARNING, "prediction_log"):
        writer.start()
        rows = put(writer, 20)
        wait_until(lambda: writer.stats().mirror_failures >= 2)
        assert sum("spilled rows cannot be mirrored" in line for line in caplog.messages) == 1
        assert any("check SPILL_URI" in line for line in caplog.messages)
        uri.unlink()
        wait_until(lambda: mirrored(str(uri)) == ids(rows))
        assert any("resumed" in line for line in caplog.messages)
    assert (writer.stats().lost, writer.stats().journal_rows) == (0, 20)


def test_close_does_not_wait_for_a_store_that_is_away(
    make_writer: MakeWriter, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    writer = make_writer(NOWHERE, spill_uri=f"{tmp_path}/file/spill")
    writer.start()
    put(writer, 20)
    with caplog.at_level(logging.ERROR, "prediction_log"):
        writer.close(1.0)
    assert (writer.stats().lost, writer.stats().journal_rows) == (0, 20)
    assert any("20 rows are in" in line for line in caplog.messages)


def test_segments_of_the_last_process_on_this_disk_are_mirrored_too(make_writer: MakeWriter, tmp_path: Path) -> None:
    rows = [record() for _ in range(10)]
    journal = Journal(tmp_path / "spill")
    journal.append(rows)
    journal.rotate()
    writer = make_writer(NOWHERE, tmp_path / "spill", spill_uri=str(tmp_path / "spill-uri"), mirror_seconds=0.05)
    writer.start()
    wait_until(lambda: mirrored(str(tmp_path / "spill-uri")) == ids(rows))


def test_a_bad_address_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="SPILL_URI 'gopher://x'"):
        LogWriter(NOWHERE, tmp_path, spill_uri="gopher://x")


KILLED = """
import json, os, signal, sys, time
from pathlib import Path
from kit.log_rows import record
from prediction_log import LogWriter

writer = LogWriter(sys.argv[1], Path(sys.argv[2]), flush_seconds=0.02, spill_uri=sys.argv[3], owner="killed",
                   mirror_seconds=0.1)
writer.start()
put = []
end = time.monotonic() + 2.0
while time.monotonic() < end:
    row = record(text="x")
    put.append((time.monotonic(), row.id))
    writer.put(row)
    time.sleep(0.005)
print(json.dumps([time.monotonic(), put]), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def killed_under_load(url: str, disk: Path, uri: str) -> tuple[float, list[tuple[float, str]]]:
    """When it was killed, and when each row was put."""
    command = [sys.executable, "-c", KILLED, url, str(disk), uri]
    environment = {**os.environ, "PYTHONPATH": f"{Path.cwd()}:{Path(__file__).parents[2]}"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr
    killed, rows = json.loads(done.stdout)
    return killed, [(when, row_id) for when, row_id in rows]


def test_a_killed_pod_whose_disk_is_gone_loses_only_its_last_moment(
    stoppable: Postgres, postgres_url: str, store_uri: str, tmp_path: Path
) -> None:
    """Killed without warning under load, database down, disk gone: only what was put since the last copy is lost."""
    stoppable.stop("immediate")
    killed, put_rows = killed_under_load(postgres_url, tmp_path / "pod", store_uri)
    shutil.rmtree(tmp_path / "pod")
    stoppable.start()
    replay(postgres_url, SpillStore(store_uri))
    kept = set(logged(postgres_url))
    lost = [killed - when for when, row_id in put_rows if row_id not in kept]
    assert len(put_rows) > 100
    assert max(lost, default=0.0) < 1.5, lost  # the interval of 0.1 s, an upload, and a busy machine
    assert kept == {row_id for _, row_id in put_rows[: len(kept)]}  # the lost ones are the last ones


def test_a_killed_pod_whose_disk_is_kept_loses_nothing_that_was_spilled(
    stoppable: Postgres, postgres_url: str, make_writer: MakeWriter, store_uri: str, tmp_path: Path
) -> None:
    """The container starts again on its disk: local journal and copies are the same rows, each there once."""
    stoppable.stop("immediate")
    killed, put_rows = killed_under_load(postgres_url, tmp_path / "pod", store_uri)
    stoppable.start()
    writer = make_writer(postgres_url, tmp_path / "pod", spill_uri=store_uri, owner="killed")
    writer.start()
    wait_until(lambda: writer.stats().journal_rows == 0 and writer.stats().database_up)
    wait_until(lambda: SpillStore(store_uri).list() == ([], []))
    found = logged(postgres_url)
    assert len(found) == len(set(found))
    lost = [killed - when for when, row_id in put_rows if row_id not in set(found)]
    assert max(lost, default=0.0) < 0.5, lost  # what had not left memory: flush_seconds is 0.02 here
    assert writer.stats().lost <= 1  # a line that the kill tore
