"""Migrations: to the head from nothing, again, by several processes; what the tables then are."""

import subprocess
import sys

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect

from prediction_log import LogError, WindowReader, upgrade
from prediction_log.database.connection import connected, parse_url, run
from prediction_log.maintenance.migrate import head, revision
from prediction_log.maintenance.revisions import VERSION_TABLE
from prediction_log.schema import metadata


def test_upgrade_from_nothing_and_again(empty_url: str) -> None:
    assert revision(empty_url) is None
    upgrade(empty_url)
    upgrade(empty_url)
    assert revision(empty_url) == head()


def test_several_processes_upgrade_at_once(empty_url: str) -> None:
    command = [sys.executable, "-c", f"from prediction_log import upgrade; upgrade({empty_url!r})"]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    errors = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 2, errors
    assert revision(empty_url) == head()


def test_the_migrations_make_the_schema_that_the_code_reads(url: str) -> None:
    def differences(connection: Connection) -> tuple[list[object], set[str]]:
        def ours(name: str | None, kind: str, parents: object) -> bool:
            return not (kind == "table" and str(name).startswith("predictions_"))

        context = MigrationContext.configure(
            connection, opts={"include_name": ours, "compare_type": True, "version_table": VERSION_TABLE}
        )
        views = set(inspect(connection).get_view_names())
        return list(compare_metadata(context, metadata)), views

    async def work() -> tuple[list[object], set[str]]:
        async with connected(parse_url(url)) as connection:
            return await connection.run_sync(differences)

    found, views = run(work())
    assert found == []
    assert views == {"prediction_logs", "prediction_logs_hourly"}


@pytest.mark.parametrize(
    "bad",
    ["", "nonsense", "mysql://u:secret@h/db", "sqlite://", "postgresql://u:secret@h:port/db", "sqlite:///:memory:"],
)
def test_an_address_that_cannot_be_used(bad: str) -> None:
    with pytest.raises(LogError, match="DATABASE_URL") as caught:
        WindowReader(bad)
    assert "secret" not in str(caught.value)
    assert "sqlite:///" in str(caught.value)
