"""The database's revision, kept apart from the tables of other programs in the same database."""

import re
from collections.abc import Set

from sqlalchemy import Connection, inspect, text

from prediction_log.errors import LogRefused
from prediction_log.schema import metadata

VERSION_TABLE = "prediction_log_version"
# Table of the revision before the log had its own. MLflow, Optuna and any other Alembic program keep
# theirs there too, and none of them can read another's.
SHARED_TABLE = "alembic_version"
_VIEWS = frozenset({"prediction_logs", "prediction_logs_hourly"})
_PARTITION = re.compile(r"^predictions_(default|\d{8})$")
# Columns by which tables of the shared time are recognised as the log's: all of revision 0001.
_COLUMNS = {
    "predictions": {"id", "time", "release_id", "margin", "text_hash", "descriptors", "sketch"},
    "feedback": {"id", "prediction_id", "true_label", "who", "created"},
    "drift_reports": {"id", "window_start", "window_end", "release_id", "verdict", "statistics", "report_uri"},
}


def _revisions(connection: Connection, table: str) -> list[str]:
    if not inspect(connection).has_table(table):
        return []
    return sorted(str(row[0]) for row in connection.execute(text(f"SELECT version_num FROM {table}")))


def _is_readable(connection: Connection, table: str) -> bool:
    """Whether the role may read a table; what another role keeps to itself holds none of the log's rows."""
    if connection.dialect.name == "sqlite" or not inspect(connection).has_table(table):
        return True
    allowed = text("SELECT has_table_privilege(CAST(:table AS text), 'SELECT')")
    return bool(connection.execute(allowed, {"table": table}).scalar_one())


def _has_our_tables(connection: Connection) -> bool:
    found = inspect(connection)
    return all(
        found.has_table(table) and columns <= {column["name"] for column in found.get_columns(table)}
        for table, columns in _COLUMNS.items()
    )


def _shared_revision(connection: Connection, known: Set[str]) -> str | None:
    """The log's revision in the shared table; None where every row there is another program's."""
    if not _has_our_tables(connection) or not _is_readable(connection, SHARED_TABLE):
        return None
    ours = [revision for revision in _revisions(connection, SHARED_TABLE) if revision in known]
    return ours[0] if len(ours) == 1 else None


def current(connection: Connection, known: Set[str]) -> str | None:
    """The log's revision; None before the first upgrade.

    Args:
        known: the revisions that this version has migrations for.

    Raises:
        LogRefused: the revision is unknown, or tables of another program bear the log's names.
    """
    own = _revisions(connection, VERSION_TABLE)
    revision = own[0] if own else _shared_revision(connection, known)
    if revision is None:
        _refuse_foreign(connection)
    elif revision not in known:
        raise LogRefused(
            f"the prediction log is at revision {revision}, and this version knows revisions up to {max(known)}; use "
            "the version that migrated it or a newer one"
        )
    return revision


def _refuse_foreign(connection: Connection) -> None:
    found = inspect(connection)
    there = {*found.get_table_names(), *found.get_view_names()}
    taken = sorted(name for name in there if name in metadata.tables or name in _VIEWS or _PARTITION.match(name))
    if not taken:
        return
    remedy = (
        "give the log its own file"
        if connection.dialect.name == "sqlite"
        else "give the log its own database or schema: CREATE SCHEMA log, then DATABASE_URL with "
        "?options=-csearch_path%3Dlog"
    )
    raise LogRefused(
        f"the database has tables or views of another program by names that the prediction log needs "
        f"({', '.join(taken)}), and nothing was changed; {remedy}"
    )


def take_over(connection: Connection, known: Set[str]) -> None:
    """Move the log's revision out of the shared table, and leave other programs' rows there as they are.

    Raises:
        LogRefused: as `current`.
    """
    revision = current(connection, known)
    if revision is None or _revisions(connection, VERSION_TABLE):
        return
    # As Alembic makes it.
    connection.execute(
        text(
            f"CREATE TABLE {VERSION_TABLE} (version_num VARCHAR(32) NOT NULL, "
            f"CONSTRAINT {VERSION_TABLE}_pkc PRIMARY KEY (version_num))"
        )
    )
    row = {"revision": revision}
    connection.execute(text(f"INSERT INTO {VERSION_TABLE} (version_num) VALUES (:revision)"), row)
    connection.execute(text(f"DELETE FROM {SHARED_TABLE} WHERE version_num = :revision"), row)
    if not _revisions(connection, SHARED_TABLE):
        connection.execute(text(f"DROP TABLE {SHARED_TABLE}"))
