"""Alembic's entry: it runs on the connection that `prediction_log.migrate` hands over."""

from typing import Any

from alembic import context

from prediction_log.schema import metadata


def _ours(name: str | None, kind: str, _parents: Any) -> bool:
    # Day partitions come and go with `maintain`; they are no change of the schema.
    return not (kind == "table" and name is not None and name.startswith("predictions_"))


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    include_name=_ours,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
