"""Migrate a database to the schema's head: safe to repeat and to run concurrently."""

import logging
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.engine import URL

from prediction_log.database.connection import STATEMENT_SECONDS, connected, is_sqlite, parse_url, run, set_limits
from prediction_log.errors import LogError, LogRefused
from prediction_log.maintenance.locks import LOCK_SECONDS, insist
from prediction_log.maintenance.partitions import AHEAD_DAYS, ClocksDiffer, deadline, make_partitions
from prediction_log.maintenance.revisions import VERSION_TABLE, current, take_over

log = logging.getLogger("prediction_log")

RETRY_SECONDS = 1.0
LOCKED_SECONDS = 60.0  # to retry while other sessions hold locks
REPORT_SECONDS = 10.0
_LOCK = 7_361_094_412  # any number that nothing else in the database takes
_FOLDER = Path(__file__).parents[1] / "migrations"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    return config


def head() -> str:
    """The newest revision that this package knows."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def _known() -> frozenset[str]:
    return frozenset(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())


def _migrate(connection: Connection) -> None:
    take_over(connection, _known())
    config = _config()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise LogRefused(
            f"the prediction log cannot be migrated ({error}); leave one revision in {VERSION_TABLE}, the one that the "
            "database is at"
        ) from error


async def _migrate_once(url: URL) -> None:
    async with connected(url, make=True) as connection:
        if is_sqlite(url):
            await connection.execute(text("BEGIN EXCLUSIVE"))
        else:
            await set_limits(connection, lock_seconds=LOCK_SECONDS)
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        await connection.run_sync(_migrate)


async def _upgrade(url: str) -> None:
    parsed = parse_url(url)
    if is_sqlite(parsed):
        await _migrate_once(parsed)
        return
    end = deadline(LOCKED_SECONDS)
    await insist(parsed, "the migration", partial(_migrate_once, parsed), end, log.warning, _LOCK)
    try:
        made = await make_partitions(parsed, AHEAD_DAYS, end, log.warning)
    except ClocksDiffer as error:
        log.warning("no days are made, their rows go to predictions_default: %s", error)
        return
    for name, reason in made.left.items():
        log.warning("%s is not made, its rows go to predictions_default: %s", name, reason)


def upgrade(url: str) -> None:
    """Create or migrate the tables and, on Postgres, make the partitions of the next days.

    Raises:
        LogRefused: its revision is unknown, or tables of another program bear the log's names; nothing is changed.
        LogError: the database cannot be reached or changed.
    """
    run(_upgrade(url))


def upgrade_when_there(url: str, seconds: float, on_wait: Callable[[str], None]) -> None:
    """Call `upgrade`, and retry for `seconds` while the database cannot be used.

    `on_wait` gets the reason and the time waited, at each new reason and every few seconds.

    Raises:
        LogError: the address is invalid, or the database could not be reached or changed in time.
    """
    parse_url(url)  # a retry does not help a bad address
    start = time.monotonic()
    reported, reported_at = "", 0.0
    while True:
        try:
            return upgrade(url)
        except LogRefused:
            raise
        except LogError as error:
            waited = time.monotonic() - start
            if seconds <= 0:
                raise
            if waited >= seconds:
                raise LogError(f"{error} (waited {waited:.0f} s for it)") from error
            if str(error) != reported or waited - reported_at >= REPORT_SECONDS:
                reported, reported_at = str(error), waited
                on_wait(f"{reported} ({waited:.0f} of {seconds:.0f} s)")
            time.sleep(min(RETRY_SECONDS, seconds - waited))


async def _revision(url: str) -> str | None:
    async with connected(parse_url(url), read_only=True, seconds=STATEMENT_SECONDS) as connection:
        return await connection.run_sync(current, _known())


def revision(url: str) -> str | None:
    """The database's revision, None before the first `upgrade`; compare it with `head()`. It makes no file.

    Raises:
        LogRefused: its revision is unknown, or tables of another program bear the log's names.
        LogError: the database cannot be reached.
    """
    parsed = parse_url(url)
    if is_sqlite(parsed) and not Path(parsed.database or "").exists():
        return None
    return run(_revision(url))
