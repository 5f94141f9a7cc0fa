"""The size of the log's database."""

from sqlalchemy import func, select, text

from prediction_log.database.connection import STATEMENT_SECONDS, connected, is_sqlite, parse_url, run
from prediction_log.schema import metadata

# Counting the rows of a large log is slow. Of the two estimates, the planner's is missing until a table is analysed,
# and the statistics' restarts at zero after a crash.
_ESTIMATE = text(
    "SELECT COALESCE(SUM(GREATEST(c.reltuples, pg_stat_get_live_tuples(c.oid), 0)), 0)::bigint FROM pg_class c "
    "WHERE c.oid = to_regclass(:table) AND c.relkind = 'r' "
    "OR c.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = to_regclass(:table))"
)


async def _size(url: str, seconds: float) -> tuple[int, dict[str, int]]:
    parsed = parse_url(url)
    rows: dict[str, int] = {}
    async with connected(parsed, read_only=True, seconds=seconds) as connection:
        if is_sqlite(parsed):
            pages = (await connection.execute(text("PRAGMA page_count"))).scalar_one()
            size = pages * (await connection.execute(text("PRAGMA page_size"))).scalar_one()
            for name, table in metadata.tables.items():
                rows[name] = (await connection.execute(select(func.count()).select_from(table))).scalar_one()
        else:
            size = (await connection.execute(text("SELECT pg_database_size(current_database())"))).scalar_one()
            for name in metadata.tables:
                rows[name] = (await connection.execute(_ESTIMATE, {"table": name})).scalar_one()
    return int(size), {name: int(count) for name, count in rows.items()}


def database_size(url: str, timeout_seconds: float = STATEMENT_SECONDS) -> tuple[int, dict[str, int]]:
    """Return the database's bytes and its rows by table: counted on SQLite, estimated on Postgres.

    Raises:
        LogError: the database cannot be reached, has no tables, or takes longer than this for a statement.
    """
    return run(_size(url, timeout_seconds))
