"""Settings of `python -m prediction_log`."""

from pydantic import Field

from prediction_log.database.connection import DEFAULT_URL
from sentiment_common.settings import Settings


class LogSettings(Settings):
    """Settings of the prediction log's own commands; an option of a command overrides the environment."""

    database_url: str = Field(DEFAULT_URL, min_length=1)
    """The prediction log: `postgresql://…` or `sqlite:///path`."""
    database_wait_seconds: float = Field(0.0, ge=0, le=86_400)
    """How long `upgrade` waits for a database that cannot be used yet."""
    spill_uri: str | None = None
    """Where pods mirror the rows that the database could not take: s3://bucket/prefix or a folder."""
