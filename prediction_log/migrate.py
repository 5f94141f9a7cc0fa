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

RETRY_SECONDS = 1.0
TELL_SECONDS = 10.0
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
    """`upgrade`, tried again for so long while the database cannot be used.

    `on_wait` is told why and how long it has waited: at each new reason, and every few seconds.

    Raises:
        LogError: the address is none, or the database could not be reached or changed in time.
    """
    parse_url(url)  # a bad address will not get better
    start = time.monotonic()
    told, told_at = "", 0.0
    while True:
        try:
            return upgrade(url)
        except LogError as error:
            waited = time.monotonic() - start
            if seconds <= 0:
                raise
            if waited >= seconds:
                raise LogError(f"{error} (waited {waited:.0f} s for it)") from error
            if str(error) != told or waited - told_at >= TELL_SECONDS:
                told, told_at = str(error), waited
                on_wait(f"{told} ({waited:.0f} of {seconds:.0f} s)")
            time.sleep(min(RETRY_SECONDS, seconds - waited))


async def _revision(url: str) -> str | None:
    async with connected(parse_url(url), read_only=True) as connection:
        return await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())


def revision(url: str) -> str | None:
    """The database's revision, None before the first `upgrade`; compare it with `head()`. It makes no file."""
    parsed = parse_url(url)
    if is_sqlite(parsed) and not Path(parsed.database or "").exists():
        return None
    return run(_revision(url))
