"""Settings of the monitor, from the environment or the command line."""

from pydantic import Field

from drift_cronjob.settings import SourceSettings
from sentiment_common.http.settings import HttpSettings


class MonitorSettings(SourceSettings, HttpSettings):
    """Settings of the monitor."""

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
    alertmanager_url: str | None = Field(None, validation_alias="ALERTMANAGER_URL", pattern=r"^https?://\S+$")
    """Address of the Alertmanager whose alerts are shown; by default no alerts are shown."""
    show_texts: bool = Field(True, validation_alias="MONITOR_SHOW_TEXTS")
    """Whether to show logged texts that look new to the release. The interface has no password."""
