"""Partitions and retention beside sessions that hold locks, and beside tables that are in the way."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from alembic import command
from kit.log_rows import DAY, day_name, midnight, partitions, record, write
from kit.postgres import Postgres, Server
from sqlalchemy import Connection
from typer.testing import CliRunner

from prediction_log import LogError, WindowReader, add_feedback, maintain, save_report, upgrade
from prediction_log.cli import app
from prediction_log.database.connection import connected, parse_url
from prediction_log.maintenance.locks import LOCK_SECONDS, holder
from prediction_log.maintenance.migrate import _LOCK, _config, head, revision
from prediction_log.reports import DriftReportRow


@asynccontextmanager
async def session(url: str, statement: str, program: str = "a BI query") -> AsyncIterator[Any]:
    """Another program's transaction, open after its statement."""
    connection = await asyncpg.connect(url, server_settings={"application_name": program})
    try:
        await connection.execute("BEGIN")
        await connection.execute(statement)
        yield connection
    finally:
        await connection.close()


def old_day(server: Server, url: str, days: int) -> str:
    """A partition of a day that long ago, with a row."""
    start = midnight(-days)
    server.execute(
        f"CREATE TABLE {day_name(start)} PARTITION OF predictions FOR VALUES FROM ('{start}') TO ('{start + DAY}')", url
    )
    write(url, [record(start)])
    return day_name(start)


async def test_retention_beside_a_reader_holds_nobody_up(server: Server, postgres_url: str) -> None:
    url = postgres_url
    old = [await asyncio.to_thread(old_day, server, url, days) for days in (40, 41)]
    row = record()
    lines: list[str] = []
    blocked = threading.Event()

    def report(line: str) -> None:
        lines.append(line)
        if "waits for" in line:
            blocked.set()

    async with session(url, "SELECT COUNT(*) FROM predictions") as reader:
        work = asyncio.create_task(asyncio.to_thread(maintain, url, keep_days=30, wait_seconds=600, report=report))
        await asyncio.to_thread(blocked.wait)
        await asyncio.to_thread(write, url, [row])
        await asyncio.to_thread(add_feedback, url, row.id, "positive", None)
        assert await asyncio.to_thread(lambda: WindowReader(url).summary(midnight(0), midnight(1)).predictions) == 1
        assert not work.done()
        await reader.execute("COMMIT")
        done = await work
    assert (done.predictions, done.left) == (2, {})
    assert lines[0] == f"2 days before {midnight(-30):%Y-%m-%d} hold 2 predictions"
    assert "(a BI query, role tests, idle in transaction, since " in lines[1]
    assert lines[-2:] == [f"dropped {name} (1 predictions)" for name in sorted(old)]


async def test_a_day_that_stays_locked_is_left_and_the_rest_is_done(
    server: Server, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres_url
    name = await asyncio.to_thread(old_day, server, url, 40)
    at = midnight(-50)
    await asyncio.to_thread(save_report, url, DriftReportRow(at, at, at, "a" * 16, "stable", "nothing changed", 1))
    await asyncio.to_thread(write, url, [record(at)])  # in the default partition
    monkeypatch.setenv("DATABASE_URL", url)
    arguments = ["maintain", "--keep", "30", "--ahead", "8", "--lock-wait", "0"]
    async with session(url, "SELECT COUNT(*) FROM predictions"):
        done = await asyncio.to_thread(CliRunner().invoke, app, arguments)
    assert done.exit_code == 1
    assert "removed 1 predictions, 0 labels and 1 drift reports" in done.output
    for partition in (name, day_name(midnight(8))):
        assert f"left {partition}: process " in done.output
    assert "holds a lock; retry when its transaction has ended" in done.output
    after = await asyncio.to_thread(CliRunner().invoke, app, arguments)
    assert after.exit_code == 0, after.output
    assert "made 1 partitions; removed 1 predictions" in after.output


async def test_retention_beside_a_vacuum_of_other_days(server: Server, postgres_url: str) -> None:
    name = await asyncio.to_thread(old_day, server, postgres_url, 40)
    vacuums = f"LOCK TABLE ONLY {day_name(midnight(0))} IN SHARE UPDATE EXCLUSIVE MODE"
    lines: list[str] = []
    async with session(postgres_url, vacuums):
        done = await asyncio.to_thread(
            maintain, postgres_url, ahead_days=8, keep_days=30, wait_seconds=0, report=lines.append
        )
    assert (done.made, done.predictions, done.left) == ([day_name(midnight(8))], 1, {})
    assert lines[-1] == f"dropped {name} (1 predictions)"


async def test_an_autovacuum_is_named_and_makes_way(stoppable: Postgres, postgres_url: str) -> None:
    url = postgres_url
    name = await asyncio.to_thread(old_day, stoppable, url, 40)
    async with session(url, "SELECT 1") as other:
        await other.execute("COMMIT")
        wait = await other.fetchval("SELECT setting::int FROM pg_settings WHERE name = 'deadlock_timeout'")
        assert wait < LOCK_SECONDS * 1000
        await other.execute(
            f"ALTER TABLE {name} SET (autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1, "
            "autovacuum_vacuum_insert_threshold = 100)"
        )
        await other.execute(
            f"INSERT INTO {name} SELECT (jsonb_populate_record(row, jsonb_build_object('id', gen_random_uuid()))).* "
            f"FROM {name} row, generate_series(1, 3000)"
        )
        await other.execute("ALTER SYSTEM SET autovacuum_naptime = 1")
        await other.execute("SELECT pg_reload_conf()")
        try:
            worker = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'autovacuum worker' AND query LIKE $1"
            async with asyncio.timeout(60):
                while not await other.fetchval(worker, f"%{name}%"):
                    await asyncio.sleep(0.05)
            blamed = await holder(parse_url(url))
            assert "(autovacuum worker, active, since " in blamed
            done = await asyncio.to_thread(maintain, url, keep_days=30, wait_seconds=0)
        finally:
            await other.execute("ALTER SYSTEM RESET autovacuum_naptime")
            await other.execute("SELECT pg_reload_conf()")
    assert (done.predictions, done.left) == (3001, {})


async def test_only_a_session_that_is_in_the_way_is_named(server: Server, postgres_url: str) -> None:
    name = await asyncio.to_thread(old_day, server, postgres_url, 40)
    await asyncio.to_thread(server.execute, "CREATE TABLE notes (note text)", postgres_url)
    async with (
        session(postgres_url, "SELECT * FROM notes", "another program"),
        session(postgres_url, "SELECT COUNT(*) FROM predictions"),
    ):
        done = await asyncio.to_thread(maintain, postgres_url, keep_days=30, wait_seconds=0)
    assert "(a BI query, " in done.left[name]


async def test_feedback_waits_for_a_lock_no_longer_than_its_limit(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prediction_log.feedback.FEEDBACK_SECONDS", 0.3)
    row = record()
    await asyncio.to_thread(write, postgres_url, [row])
    async with session(postgres_url, "LOCK TABLE predictions"):
        with pytest.raises(LogError, match="the statement took too long"):
            await asyncio.to_thread(add_feedback, postgres_url, row.id, "positive", None)
    await asyncio.to_thread(add_feedback, postgres_url, row.id, "positive", None)


def test_a_detached_day_is_attached_again_with_its_rows_and_those_that_came_since(
    server: Server, postgres_url: str
) -> None:
    name, hour = day_name(midnight(3)), timedelta(hours=1)
    rows = [record(midnight(3) + n * hour) for n in range(3)]
    write(postgres_url, rows[:2])
    server.execute(f"ALTER TABLE predictions DETACH PARTITION {name}", postgres_url)
    write(postgres_url, rows[1:])  # the second a second time, as a replay does
    assert maintain(postgres_url) == ([name], 0, 0, 0, {})
    found = partitions(server, postgres_url)
    assert (found[name], found["predictions_default"]) == (3, 0)
    assert WindowReader(postgres_url).read(midnight(3), midnight(4)).ids == [row.id for row in rows]
    assert maintain(postgres_url) == ([], 0, 0, 0, {})


def test_an_old_day_that_was_detached_is_named(server: Server, postgres_url: str) -> None:
    name = old_day(server, postgres_url, 40)
    server.execute(f"ALTER TABLE predictions DETACH PARTITION {name}", postgres_url)
    lines: list[str] = []
    assert maintain(postgres_url, keep_days=30, report=lines.append) == ([], 0, 0, 0, {})
    assert lines == [f"{name} is detached, so retention leaves it; drop it when its rows are no longer needed"]


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("CREATE TABLE {name} (note text)", "is in the way"),
        ("CREATE VIEW {name} AS SELECT 1 AS one", "is in the way"),
        ("CREATE TABLE {name} (LIKE predictions)", None),
        (
            "CREATE TABLE predictions_long PARTITION OF predictions FOR VALUES FROM ('{start}') TO ('{end}')",
            "would overlap",
        ),
    ],
)
def test_a_table_in_the_way_is_named_and_the_other_days_are_made(
    server: Server, postgres_url: str, statement: str, reason: str | None
) -> None:
    name = day_name(midnight(9))
    server.execute(statement.format(name=name, start=midnight(9), end=midnight(10)), postgres_url)
    for _ in range(2):
        write(postgres_url, [record(midnight(n)) for n in (8, 9, 10)])
        done = maintain(postgres_url, ahead_days=10)
        assert list(done.left) == ([name] if reason else [])
        assert (reason or "") in " ".join(done.left.values())
        assert set(partitions(server, postgres_url)) >= {day_name(midnight(8)), day_name(midnight(10))}
        assert WindowReader(postgres_url).summary(midnight(8), midnight(11)).predictions % 3 == 0


def test_a_wrong_clock_drops_nothing_and_holds_no_migration_up(
    server: Server, postgres_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Ahead(datetime):
        @classmethod
        def now(cls, tz: object = None) -> "Ahead":  # type: ignore[override]
            return cls.fromtimestamp(datetime.now(UTC).timestamp() + 400 * 86400, UTC)

    write(postgres_url, [record(midnight(0))])
    monkeypatch.setattr("prediction_log.maintenance.partitions.datetime", Ahead)
    with pytest.raises(
        LogError, match=r"the database's clock says .* UTC and this machine's .* UTC; set the wrong one"
    ):
        maintain(postgres_url, keep_days=30)
    empty = server.new_database()
    done = CliRunner().invoke(app, ["upgrade", "--database-url", empty])
    assert (done.exit_code, done.output) == (0, f"the prediction log is at revision {head()}\n")
    assert "no days are made, their rows go to predictions_default: the database's clock says " in caplog.text
    monkeypatch.undo()
    write(empty, [record()])
    assert partitions(server, empty) == {"predictions_default": 1}
    assert WindowReader(postgres_url).summary(midnight(0), midnight(1)).predictions == 1
    upgrade(postgres_url)


async def test_a_migration_tries_for_a_lock_and_names_who_holds_it(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def downgrade(connection: Connection) -> None:
        config = _config()
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")

    async with connected(parse_url(postgres_url)) as connection:
        await connection.run_sync(downgrade)
    monkeypatch.setattr("prediction_log.maintenance.migrate.LOCKED_SECONDS", 0.0)
    async with session(postgres_url, "SELECT COUNT(*) FROM prediction_logs_hourly"):
        with pytest.raises(LogError, match=r"\(a BI query, .*\) holds a lock; retry"):
            await asyncio.to_thread(upgrade, postgres_url)
        assert await asyncio.to_thread(revision, postgres_url) == "0001"
    await asyncio.to_thread(upgrade, postgres_url)
    assert await asyncio.to_thread(revision, postgres_url) == head()


async def test_a_migration_beside_one_that_hangs_ends_in_time(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    url = await asyncio.to_thread(server.new_database)
    async with session(url, f"SELECT pg_advisory_xact_lock({_LOCK})") as hung, asyncio.timeout(60):
        work = asyncio.create_task(asyncio.to_thread(upgrade, url))
        while "the migration waits for process " not in caplog.text:
            assert not work.done()
            await asyncio.sleep(0.05)
        await hung.execute("COMMIT")
        await work
    assert await asyncio.to_thread(revision, url) == head()
    monkeypatch.setattr("prediction_log.maintenance.migrate.LOCKED_SECONDS", 0.0)
    async with (
        session(url, "SELECT COUNT(*) FROM predictions", "another program"),
        session(url, f"SELECT pg_advisory_xact_lock({_LOCK})"),
        asyncio.timeout(60),
    ):
        with pytest.raises(LogError, match=r"\(a BI query, .*\) holds a lock; retry"):
            await asyncio.to_thread(upgrade, url)


async def test_a_day_that_is_dropped_while_it_is_counted(server: Server, postgres_url: str) -> None:
    names = [await asyncio.to_thread(old_day, server, postgres_url, days) for days in (41, 40)]
    lines: list[str] = []
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = $1::oid"
    async with session(postgres_url, "SELECT 1") as other:
        number = await other.fetchval(f"SELECT '{names[0]}'::regclass::oid")
        await other.execute(f"DROP TABLE {names[0]}")
        work = asyncio.create_task(
            asyncio.to_thread(maintain, postgres_url, keep_days=30, wait_seconds=600, report=lines.append)
        )
        async with asyncio.timeout(60):
            while not await other.fetchval(waiting, number):
                await asyncio.sleep(0.02)
        await other.execute("COMMIT")
        done = await work
    assert (done.predictions, done.left) == (1, {})
    assert lines[-1] == f"dropped {names[1]} (1 predictions)"


async def test_a_day_that_cannot_be_counted_is_dropped_when_its_lock_is_free(server: Server, postgres_url: str) -> None:
    names = [await asyncio.to_thread(old_day, server, postgres_url, days) for days in (41, 40)]
    lines: list[str] = []
    waits = asyncio.Event()
    loop = asyncio.get_running_loop()

    def report(line: str) -> None:
        lines.append(line)
        if line.startswith(f"dropping {names[0]} waits for process "):
            loop.call_soon_threadsafe(waits.set)

    await asyncio.to_thread(server.execute, f"ANALYZE {names[0]}", postgres_url)
    async with session(postgres_url, f"LOCK TABLE {names[0]}") as other:
        work = asyncio.create_task(
            asyncio.to_thread(maintain, postgres_url, keep_days=30, wait_seconds=600, report=report)
        )
        async with asyncio.timeout(60):
            await waits.wait()
        await other.execute("COMMIT")
        done = await work
    assert (done.predictions, done.left) == (2, {})
    assert lines[-2:] == [f"dropped {name} (1 predictions)" for name in names]
