"""Settings of a drift check, from the environment or the command line."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, field_validator

from sentiment_common.settings import Settings

_CLOCKS = timedelta(minutes=1)  # so far the clocks of two machines may differ
_REMEDY = "give a time that has passed, or none for now"


def _address(url: str) -> str:
    """Raise LogError, which names the variable, for an address that cannot be read."""
    from prediction_log.database.connection import parse_url

    parse_url(url, "DATABASE_READ_URL")
    return url


ReadUrl = Annotated[str, AfterValidator(_address)]


class DriftSettings(Settings):
    """Settings of a drift check."""

    database_url: str = Field("sqlite:///var/predictions.db", validation_alias="DATABASE_URL")
    """The prediction log: `postgresql://…` or `sqlite:///path`."""
    database_read_url: ReadUrl | None = Field(None, validation_alias="DATABASE_READ_URL")
    """Where the prediction log is read: a replica, or a role that may only read; `DATABASE_URL` unless given."""
    releases_uri: str = Field("var/releases", validation_alias="RELEASES_URI")
    """Where releases live: a folder or `s3://bucket/prefix`."""
    model_name: str = Field("sentiment", validation_alias="MODEL_NAME", min_length=1)
    """The model whose release is watched."""
    release: str | None = Field(None, validation_alias="DRIFT_RELEASE")
    """Id of the release to check, or the start of it; the champion unless given."""
    hours: float = Field(24.0, validation_alias="DRIFT_HOURS", gt=0, le=24 * 366)
    """Length of the window in hours."""
    end: datetime | None = Field(None, validation_alias="DRIFT_END")
    """End of the window (ISO 8601, UTC unless it says otherwise), not in the future; now unless given."""
    alpha: float = Field(0.05, validation_alias="DRIFT_ALPHA", gt=0, le=0.5)
    """Highest probability of the verdict `drift` when nothing changed."""
    min_rows: int = Field(100, validation_alias="DRIFT_MIN_ROWS", ge=10)
    """Fewest different texts in the window (and in the reference) for a verdict."""
    min_feedback: int = Field(30, validation_alias="DRIFT_MIN_FEEDBACK", ge=5)
    """Fewest true labels for a test of accuracy."""
    max_rows: int = Field(20_000, validation_alias="DRIFT_MAX_ROWS", ge=100)
    """Most rows that are read of a window; of a larger one a random sample is read."""
    classifier_rows: int = Field(5_000, validation_alias="DRIFT_CLASSIFIER_ROWS", ge=100)
    """Most rows a side for the classifier two-sample test."""
    kernel_rows: int = Field(2_000, validation_alias="DRIFT_KERNEL_ROWS", ge=100, le=5_000)
    """Most rows a side for MMD, whose time and memory grow with their square."""
    permutations: int = Field(0, validation_alias="DRIFT_PERMUTATIONS", ge=0, le=100_000)
    """Permutations a test; 0 chooses by the number of tests and alpha, and fewer than those need are not used."""
    count_repeats: bool = Field(False, validation_alias="DRIFT_COUNT_REPEATS")
    """Count each copy of a text as a row; p-values are then too small where texts repeat."""
    seed: int = Field(0, validation_alias="DRIFT_SEED", ge=0)
    """Seed of sampling and permutations: the same window and seed give the same statistics."""
    report_dir: str = Field("var/reports", validation_alias="DRIFT_REPORT_DIR", min_length=1)
    """Where reports are written: a folder or `s3://bucket/prefix`; `none` writes none."""
    evidently: bool = Field(True, validation_alias="DRIFT_EVIDENTLY")
    """Whether Evidently draws a page beside the report (some seconds and megabytes)."""
    cache_dir: Path = Field(Path("var/cache"), validation_alias="DRIFT_CACHE_DIR")
    """Where the release's reference is downloaded to."""
    keep_days: int = Field(90, validation_alias="DRIFT_KEEP_DAYS", ge=1)
    """Days that reports and exported feedback are kept."""
    feedback_export: bool = Field(False, validation_alias="DRIFT_FEEDBACK_EXPORT")
    """Whether labelled texts that no file has yet are written to the store, for a training to mix in."""
    retrain_cronjob: str | None = Field(None, validation_alias="DRIFT_RETRAIN_CRONJOB")
    """The suspended CronJob that the verdict `drift` makes a training Job from; none unless given."""
    retrain_cooldown_hours: float = Field(24.0, validation_alias="DRIFT_RETRAIN_COOLDOWN_HOURS", ge=0, le=24 * 366)
    """Hours that lie at least between two trainings that were started so."""
    kube_namespace: str | None = Field(None, validation_alias="KUBE_NAMESPACE")
    """The CronJob's namespace; the pod's own unless given."""

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

    @property
    def read_url(self) -> str:
        """The address that windows and reports are read from."""
        return self.database_read_url or self.database_url
