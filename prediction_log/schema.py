"""The tables, once for SQLite and Postgres."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID
from sqlalchemy.types import TypeDecorator

metadata = MetaData()
Id = String(36).with_variant(UUID(as_uuid=False), "postgresql")
Json = JSON().with_variant(JSONB(), "postgresql")


class UtcTime(TypeDecorator[datetime]):
    """Aware UTC datetimes; SQLite, which knows no zones, keeps them without one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)  # type: ignore[no-any-return]


predictions = Table(
    "predictions",
    metadata,
    Column("id", Id, nullable=False),
    Column("time", UtcTime, nullable=False),
    Column("release_id", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("probability", Float, nullable=False),
    Column("confidence", Float, nullable=False),
    Column("margin", Float, nullable=False),
    Column("tokens", Integer, nullable=False),
    Column("truncated", Boolean, nullable=False),
    Column("latency_ms", Float, nullable=False),
    Column("source", Text, nullable=False),
    Column("client", Text),
    Column("text", Text),
    Column("text_hash", Text),
    Column("descriptors", Json),
    Column("sketch", LargeBinary),
    # The partition's key has to be in the primary key, and comes first because windows are read by time.
    PrimaryKeyConstraint("time", "id"),
    postgresql_partition_by="RANGE (time)",
)
Index("predictions_by_release", predictions.c.release_id, predictions.c.time)

# Of Postgres: rows whose day has no partition. Outside of `metadata`, because a partition is made with its table.
predictions_default = predictions.to_metadata(MetaData(), name="predictions_default")

feedback = Table(
    "feedback",
    metadata,
    Column("id", Integer, primary_key=True),
    # No foreign key: feedback outlives the prediction's partition, and may come before its row is written.
    Column("prediction_id", Id, nullable=False),
    Column("true_label", Text, nullable=False),
    Column("who", Text),
    Column("created", UtcTime, nullable=False),
)
Index("feedback_by_prediction", feedback.c.prediction_id, feedback.c.id)

drift_reports = Table(
    "drift_reports",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("created", UtcTime, nullable=False),
    Column("window_start", UtcTime, nullable=False),
    Column("window_end", UtcTime, nullable=False),
    Column("release_id", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("statistics", Json, nullable=False),
    Column("report_uri", Text),
)
Index("drift_reports_by_created", drift_reports.c.created)
