"""Settings of a drift check, from the environment or the command line."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, field_validator

from sentiment_common.settings import Settings

_CLOCKS = timedelta(minutes=1)  # how far the clocks of two machines may differ
_REMEDY = "give a time in the past, or leave it out to check until now"


def _address(url: str) -> str:
    """Return the address; raise LogError, which names the variable, if it cannot be parsed."""
    from prediction_log.database.connection import parse_url

    parse_url(url, "DATABASE_READ_URL")
    return url


ReadUrl = Annotated[str, AfterValidator(_address)]


class SourceSettings(Settings):
    """Settings of the check and the monitor: the log and the store that both read."""

    database_url: str = Field("sqlite:///var/predictions.db", validation_alias="DATABASE_URL")
    """The prediction log: `postgresql://…` or `sqlite:///path`."""
    database_read_url: ReadUrl | None = Field(None, validation_alias="DATABASE_READ_URL")
    """Address to read the prediction log from: a replica, or a role that may only read; by default `DATABASE_URL`."""
    releases_uri: str = Field("var/releases", validation_alias="RELEASES_URI")
    """Release store: a folder or `s3://bucket/prefix`."""
    model_name: str = Field("sentiment", validation_alias="MODEL_NAME", min_length=1)
    """The model whose releases are checked and shown."""
    cache_dir: Path = Field(Path("var/cache"), validation_alias="DRIFT_CACHE_DIR")
    """Folder that references and cards of releases are downloaded to."""

    @property
    def read_url(self) -> str:
        """Address from which the prediction log is read."""
        return self.database_read_url or self.database_url


class DriftSettings(SourceSettings):
    """Settings of a drift check."""

    release: str | None = Field(None, validation_alias="DRIFT_RELEASE")
    """Id of the release to check, or the start of its id; by default the champion."""
    hours: float = Field(24.0, validation_alias="DRIFT_HOURS", gt=0, le=24 * 366)
    """Length of the window in hours."""
    end: datetime | None = Field(None, validation_alias="DRIFT_END")
    """End of the window (ISO 8601, UTC unless it names an offset), not in the future; by default now."""
    alpha: float = Field(0.05, validation_alias="DRIFT_ALPHA", gt=0, le=0.5)
    """Highest probability of the verdict `drift` when nothing has changed."""
    min_rows: int = Field(100, validation_alias="DRIFT_MIN_ROWS", ge=10)
    """Smallest number of different texts, in the window and in the reference, for a verdict."""
    min_feedback: int = Field(30, validation_alias="DRIFT_MIN_FEEDBACK", ge=5)
    """Smallest number of true labels for a test of accuracy."""
    max_rows: int = Field(20_000, validation_alias="DRIFT_MAX_ROWS", ge=100)
    """Largest number of rows to read; of a larger window, a random sample is read."""
    classifier_rows: int = Field(5_000, validation_alias="DRIFT_CLASSIFIER_ROWS", ge=100)
    """Largest number of rows per side for the classifier two-sample test."""
    kernel_rows: int = Field(2_000, validation_alias="DRIFT_KERNEL_ROWS", ge=100, le=5_000)
    """Largest number of rows per side for MMD, whose time and memory grow with the square of that number."""
    permutations: int = Field(0, validation_alias="DRIFT_PERMUTATIONS", ge=0, le=100_000)
    """Permutations per test; 0 chooses by the number of tests and alpha. Fewer than these require are not used."""
    count_repeats: bool = Field(False, validation_alias="DRIFT_COUNT_REPEATS")
    """Count each copy of a text as a row; where texts repeat, p-values are then too small."""
    seed: int = Field(0, validation_alias="DRIFT_SEED", ge=0)
    """Seed of sampling and permutations: the same window and seed give the same statistics."""
    report_dir: str = Field("var/reports", validation_alias="DRIFT_REPORT_DIR", min_length=1)
    """Destination of reports: a folder or `s3://bucket/prefix`; `none` turns reports off."""
    evidently: bool = Field(True, validation_alias="DRIFT_EVIDENTLY")
    """Whether Evidently draws a page beside the report, which takes some seconds and megabytes."""
    keep_days: int = Field(90, validation_alias="DRIFT_KEEP_DAYS", ge=1)
    """Days to keep reports and exported feedback."""
    feedback_export: bool = Field(False, validation_alias="DRIFT_FEEDBACK_EXPORT")
    """Whether to write newly labelled texts to the store, for a training to mix in."""
    retrain_cronjob: str | None = Field(None, validation_alias="DRIFT_RETRAIN_CRONJOB")
    """Suspended CronJob from which the verdict `drift` starts a training Job; by default no training is started."""
    retrain_cooldown_hours: float = Field(24.0, validation_alias="DRIFT_RETRAIN_COOLDOWN_HOURS", ge=0, le=24 * 366)
    """Smallest number of hours between two trainings that drift started."""
    kube_namespace: str | None = Field(None, validation_alias="KUBE_NAMESPACE")
    """The CronJob's namespace; by default the pod's namespace."""

    @field_validator("end")
    @classmethod
    def _end_in_utc(cls, end: datetime | None) -> datetime | None:
        if end is None:
            return None
        end = end.replace(tzinfo=UTC) if end.tzinfo is None else end.astimezone(UTC)
        now = datetime.now(UTC)
        if end > now + _CLOCKS:
            raise ValueError(f"{end:%Y-%m-%dT%H:%M:%SZ} is in the future (it is {now:%Y-%m-%dT%H:%M:%SZ}); {_REMEDY}")
        return end
