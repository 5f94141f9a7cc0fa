"""Settings of the command line, from the environment variables that the programs read too."""

from pathlib import Path

from pydantic import Field

from sentiment_common.http.settings import HttpSettings
from sentiment_common.settings import Settings

REPOSITORY = Path(__file__).resolve().parents[1]


class CliSettings(HttpSettings):
    """Settings of `serve`, `status`, `doctor` and `releases`; an option of a command overrides the environment."""

    releases_uri: str = Field("var/releases", min_length=1)
    """Folder or s3://bucket/prefix that holds the releases."""

    model_name: str = Field("sentiment", min_length=1)
    """The model's name in the store and on the server."""

    database_url: str = Field("sqlite:///var/predictions.db", min_length=1)
    """The prediction log, sqlite:///PATH or postgresql://…"""

    mlflow_tracking_uri: str = Field("sqlite:///var/mlflow.db", min_length=1)
    """The MLflow in which training records its runs."""

    spill_dir: Path = Path("var/spill")
    """The server's journal of log rows that the database could not take."""

    cache_dir: Path = Path("var/cache")
    """Where `serve` keeps downloaded releases."""

    http_port: int = Field(8080, ge=1, le=65535)
    """The server's REST port."""

    grpc_port: int = Field(8081, ge=1, le=65535)
    """The server's gRPC port."""

    page_host: str = Field("127.0.0.1", min_length=1)
    """The address that the page of `serve --ui` listens on."""

    page_port: int = Field(8088, ge=1, le=65535)
    """The port of the page."""

    page_dir: Path = REPOSITORY / "frontend" / "dist"
    """The page's built files."""

    monitor_port: int = Field(8090, ge=1, le=65535)
    """The port of the monitor, which serves the page all data but predictions."""


class ClusterSettings(Settings):
    """Settings of the commands with `--cluster`; an option overrides the environment."""

    namespace: str = Field("sentiment", min_length=1)
    """The namespace of the chart's release."""


def absent_sqlite(url: str) -> Path | None:
    """Return the missing file of an SQLite address; None where the file exists, and for other databases.

    Connecting would create an empty file, which a read-only command must not do.
    """
    scheme, mark, rest = url.partition(":///")
    path = Path(rest.partition("?")[0])
    return path if mark and scheme.partition("+")[0] == "sqlite" and not path.exists() else None
