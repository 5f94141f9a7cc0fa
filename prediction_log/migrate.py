"""Bring a database to the schema's head: safe to run twice, and by several processes at once."""

import time
from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from prediction_log.database import connected, is_sqlite, parse_url, run
from prediction_log.errors import LogError
from prediction_log.partitions import make_partitions

RETRY_SECONDS = 2.0
_LOCK = 7_361_094_412  # any number that nothing else in the database takes
_FOLDER = Path(__file__).parent / "migrations"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    return config


def head() -> str:
    """The newest revision that this package knows."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def _migrate(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


async def _upgrade(url: str) -> None:
    parsed = parse_url(url)
    async with connected(parsed, make=True) as connection:
        if is_sqlite(parsed):
            await connection.execute(text("BEGIN EXCLUSIVE"))
        else:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        await connection.run_sync(_migrate)
        if not is_sqlite(parsed):
            await make_partitions(connection, ahead_days=7)


def upgrade(url: str) -> None:
    """Create or migrate the tables and, on Postgres, make the partitions of the next days.

    Raises:
        LogError: the database cannot be reached or changed.
    """
    run(_upgrade(url))


def upgrade_when_there(url: str, seconds: float, on_wait: Callable[[str], None]) -> None:
    """`upgrade`, tried again for so long while the database cannot be used; `on_wait` is told why, once a reason.

    Raises:
        LogError: it could not be reached or changed in time.
    """
    end, told = time.monotonic() + seconds, ""
    parse_url(url)  # a bad address will not get better
    while True:
        try:
            return upgrade(url)
        except LogError as error:
            if time.monotonic() >= end:
                raise
            if str(error) != told:
                told = str(error)
                on_wait(told)
            time.sleep(RETRY_SECONDS)


async def _revision(url: str) -> str | None:
    async with connected(parse_url(url)) as connection:
        return await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())


def revision(url: str) -> str | None:
    """The database's revision, None before the first `upgrade`; compare it with `head()`."""
    return run(_revision(url))
