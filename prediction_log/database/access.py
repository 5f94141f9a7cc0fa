"""Check whether a database accepts writes."""

import os
from pathlib import Path

from sqlalchemy import text

from prediction_log.database.connection import STATEMENT_SECONDS, connected, is_sqlite, parse_url, run

_QUERY = text(
    "SELECT pg_is_in_recovery(), current_setting('transaction_read_only')::bool, current_user::text, "
    "has_table_privilege('predictions', 'INSERT')"
)


async def _why_read_only(url: str) -> str | None:
    parsed = parse_url(url)
    if is_sqlite(parsed):
        path = Path(parsed.database or "")
        return None if os.access(path, os.W_OK) and os.access(path.parent, os.W_OK) else "the file is not writable"
    async with connected(parsed, read_only=True, seconds=STATEMENT_SECONDS) as connection:
        standby, read_only, role, insert = (await connection.execute(_QUERY)).one()
    if standby:
        return "the server is a standby"
    if read_only:
        return f"transactions of the role {role} are read-only"
    return None if insert else f"the role {role} has no INSERT privilege"


def why_read_only(url: str) -> str | None:
    """Return why the log is read-only; None if it accepts writes.

    Raises:
        LogError: the database cannot be reached, or has no tables.
    """
    return run(_why_read_only(url))
