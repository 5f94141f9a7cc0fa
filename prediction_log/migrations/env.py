"""Alembic's entry: it runs on the connection that `prediction_log.maintenance.migrate` hands over."""

from typing import Any

from alembic import context

from prediction_log.maintenance.revisions import VERSION_TABLE
from prediction_log.schema import metadata


def _ours(name: str | None, kind: str, _parents: Any) -> bool:
    # Other programs may share the database, and day partitions come and go with `maintain`.
    return kind != "table" or name in metadata.tables


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    include_name=_ours,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
