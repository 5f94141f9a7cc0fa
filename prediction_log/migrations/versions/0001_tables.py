"""Predictions (partitioned by day on Postgres), feedback, drift reports, and the views of predictions."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ID = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_TIME = sa.DateTime(timezone=True)

_LOGS_VIEW = """
CREATE VIEW prediction_logs AS
SELECT id, time AS predicted_at, release_id, label AS sentiment, confidence AS confidence_score, probability, margin,
       tokens, truncated, latency_ms, source, client, text
FROM predictions
"""
_HOURLY_VIEW = """
CREATE VIEW prediction_logs_hourly AS
SELECT {hour} AS hour, COUNT(*) AS predictions, AVG(confidence_score) AS average_confidence
FROM prediction_logs GROUP BY 1
"""
_HOUR = {"sqlite": "strftime('%Y-%m-%d %H:00:00', predicted_at)", "postgresql": "DATE_TRUNC('hour', predicted_at)"}


def upgrade() -> None:
    dialect = op.get_bind().dialect.name
    op.create_table(
        "predictions",
        sa.Column("id", _ID, nullable=False),
        sa.Column("time", _TIME, nullable=False),
        sa.Column("release_id", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("probability", sa.Float, nullable=False),
        sa.Column("confidence", sa.Float, nullable=False),
        sa.Column("margin", sa.Float, nullable=False),
        sa.Column("tokens", sa.Integer, nullable=False),
        sa.Column("truncated", sa.Boolean, nullable=False),
        sa.Column("latency_ms", sa.Float, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("client", sa.Text),
        sa.Column("text", sa.Text),
        sa.Column("text_hash", sa.Text),
        sa.Column("descriptors", _JSON),
        sa.Column("sketch", sa.LargeBinary),
        sa.PrimaryKeyConstraint("time", "id"),
        postgresql_partition_by="RANGE (time)",
    )
    op.create_index("predictions_by_release", "predictions", ["release_id", "time"])
    if dialect == "postgresql":
        op.execute("CREATE TABLE predictions_default PARTITION OF predictions DEFAULT")
    op.create_table(
        "feedback",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("prediction_id", _ID, nullable=False),
        sa.Column("true_label", sa.Text, nullable=False),
        sa.Column("who", sa.Text),
        sa.Column("created", _TIME, nullable=False),
    )
    op.create_index("feedback_by_prediction", "feedback", ["prediction_id", "id"])
    op.create_table(
        "drift_reports",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("created", _TIME, nullable=False),
        sa.Column("window_start", _TIME, nullable=False),
        sa.Column("window_end", _TIME, nullable=False),
        sa.Column("release_id", sa.Text, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("statistics", _JSON, nullable=False),
        sa.Column("report_uri", sa.Text),
    )
    op.create_index("drift_reports_by_created", "drift_reports", ["created"])
    op.execute(_LOGS_VIEW)
    op.execute(_HOURLY_VIEW.format(hour=_HOUR[dialect]))


def downgrade() -> None:
    op.execute("DROP VIEW prediction_logs_hourly")
    op.execute("DROP VIEW prediction_logs")
    for table in ("drift_reports", "feedback", "predictions"):
        op.drop_table(table)
