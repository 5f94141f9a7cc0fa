"""The hourly view's hours are whole hours of UTC in every session, whatever its time zone."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_VIEW = """
CREATE OR REPLACE VIEW prediction_logs_hourly AS
SELECT DATE_TRUNC('hour', predicted_at{zone}) AS hour, COUNT(*) AS predictions,
       AVG(confidence_score) AS average_confidence
FROM prediction_logs GROUP BY 1
"""


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":  # SQLite's times are UTC and have no zone
        op.execute(_VIEW.format(zone=", 'UTC'"))


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(_VIEW.format(zone=""))
