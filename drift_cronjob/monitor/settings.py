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
    """Where the prediction log is read: a replica, or a role that may only read; `DATABASE_URL` unless given."""
    releases_uri: str = Field("var/releases", validation_alias="RELEASES_URI")
    """Where releases live: a folder or `s3://bucket/prefix`."""
    model_name: str = Field("sentiment", validation_alias="MODEL_NAME", min_length=1)
    """The model whose releases and checks are shown."""
    kube_namespace: str | None = Field(None, validation_alias="KUBE_NAMESPACE")
    """The namespace whose Jobs are shown; none outside of a cluster."""
    host: str = Field("0.0.0.0", validation_alias="MONITOR_HOST")
    """Address to listen on."""
    port: int = Field(8090, validation_alias="MONITOR_PORT", ge=1, le=65535)
    """Port to listen on."""
    seconds: float = Field(30.0, validation_alias="MONITOR_SECONDS", ge=1, le=3600)
    """How often the sources are read."""
    query_seconds: float = Field(10.0, validation_alias="MONITOR_QUERY_SECONDS", gt=0, le=600)
    """How long one query of the log may take."""
    cache_dir: Path = Field(Path("var/cache"), validation_alias="DRIFT_CACHE_DIR")
    """Where a release's reference and card are downloaded to."""
    alertmanager_url: str | None = Field(None, validation_alias="ALERTMANAGER_URL", pattern=r"^https?://\S+$")
    """The Alertmanager whose alerts are shown; none where there is none."""
    show_texts: bool = Field(True, validation_alias="MONITOR_SHOW_TEXTS")
    """Whether logged texts are shown: those that look new to the release. The interface asks for no password."""

    @property
    def read_url(self) -> str:
        """The address that windows and reports are read from."""
        return self.database_read_url or self.database_url
