"""Settings of the monitor, from the environment or the command line."""

from pathlib import Path

from pydantic import Field

from drift_cronjob.settings import ReadUrl
from sentiment_common.http.settings import HttpSettings


class MonitorSettings(HttpSettings):
    """Settings of the monitor."""

    database_url: str = Field("sqlite:///var/predictions.db", validation_alias="DATABASE_URL")
    """The prediction log: `postgresql://…` or `sqlite:///path`."""
    database_read_url: ReadUrl | None = Field(None, validation_alias="DATABASE_READ_URL")
    """Address to read the prediction log from: a replica, or a role that may only read; by default `DATABASE_URL`."""
    releases_uri: str = Field("var/releases", validation_alias="RELEASES_URI")
    """Release store: a folder or `s3://bucket/prefix`."""
    model_name: str = Field("sentiment", validation_alias="MODEL_NAME", min_length=1)
    """The model whose releases and checks are shown."""
    kube_namespace: str | None = Field(None, validation_alias="KUBE_NAMESPACE")
    """Namespace whose Jobs are shown; outside a cluster, no Jobs are shown."""
    host: str = Field("0.0.0.0", validation_alias="MONITOR_HOST")
    """Address to listen on."""
    port: int = Field(8090, validation_alias="MONITOR_PORT", ge=1, le=65535)
    """Port to listen on."""
    seconds: float = Field(30.0, validation_alias="MONITOR_SECONDS", ge=1, le=3600)
    """Seconds between two readings of a source."""
    query_seconds: float = Field(10.0, validation_alias="MONITOR_QUERY_SECONDS", gt=0, le=600)
    """Seconds that one query of the log may take."""
    cache_dir: Path = Field(Path("var/cache"), validation_alias="DRIFT_CACHE_DIR")
    """Folder that a release's reference and card are downloaded to."""
    alertmanager_url: str | None = Field(None, validation_alias="ALERTMANAGER_URL", pattern=r"^https?://\S+$")
    """Address of the Alertmanager whose alerts are shown; by default no alerts are shown."""
    show_texts: bool = Field(True, validation_alias="MONITOR_SHOW_TEXTS")
    """Whether to show logged texts that look new to the release. The interface has no password."""

    @property
    def read_url(self) -> str:
        """Address from which windows and reports are read."""
        return self.database_read_url or self.database_url
