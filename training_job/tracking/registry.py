"""MLflow's model registry, which points at releases and carries the aliases; it never holds the files."""

import logging
import os
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sentiment_common.addresses import proxy_of, without_password
from sentiment_common.database_lock import only_process
from sentiment_common.errors import first_line
from sentiment_common.propagators import drop_missing_propagators
from training_job.errors import TrainingError

CHALLENGER, CHAMPION = "challenger", "champion"
RELEASE_TAG = "release_id"
PROBE_SECONDS = 5.0
_DESCRIPTION = "Sentiment releases; each version's source is its release."
LAYOUT_ATTEMPTS, LAYOUT_SECONDS = 5, 3.0
# How SQLite, Postgres and alembic report that another program has created the same table or run the same migration.
_LAID_OUT_MEANWHILE = ("already exists", "duplicate ", "expected to match one row", "out-of-date database schema")
_PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "socks5": 1080, "socks5h": 1080}
# By default MLflow retries for minutes when its server is away, and reports its use over the network.
_DEFAULTS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


class RegistryError(TrainingError):
    """MLflow cannot be reached or refuses a call; the message names the tracking URI and the remedy."""


def _probe_sqlite(path: str) -> None:
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA schema_version").fetchone()


def _probe(tracking_uri: str) -> None:
    """Connect once, with a short time-out, to MLflow or to the proxy, which alone may resolve MLflow's name."""
    address = proxy_of(tracking_uri) or tracking_uri
    parts = urlsplit(address)
    scheme = parts.scheme.split("+")[0]
    if scheme == "sqlite":
        _probe_sqlite(tracking_uri.split("///", 1)[-1])
    elif parts.hostname:
        with socket.create_connection((parts.hostname, parts.port or _PORTS.get(scheme, 80)), PROBE_SECONDS):
            pass


def remedy_for(tracking_uri: str, error: Exception) -> str:
    """Return the remedy for an MLflow that does not answer or refuses a call."""
    if isinstance(error, ImportError):
        return "install the database's driver"
    remedy = "check MLFLOW_TRACKING_URI and that MLflow is up"
    if "401" in str(error):
        remedy += ", and MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD or MLFLOW_TRACKING_TOKEN"
    if proxy := proxy_of(tracking_uri):
        remedy += (
            f"; requests go through the proxy {without_password(proxy)}: check it, or set NO_PROXY where MLflow is "
            "reached without it"
        )
    return remedy


@contextmanager
def _reaching(tracking_uri: str, doing: str) -> Iterator[None]:
    try:
        yield
    except RegistryError:
        raise
    except Exception as error:  # MLflow raises the errors of requests, SQLAlchemy, sqlite3 and the system
        raise RegistryError(
            f"{doing} MLflow at {without_password(tracking_uri)} failed ({first_line(error)}); "
            f"{remedy_for(tracking_uri, error)}"
        ) from error


def connect(tracking_uri: str) -> Any:
    """Return an `MlflowClient` of a tracking server or a database, after a probe of at most 5 seconds.

    Raises:
        RegistryError: nothing answers at the address, or the file is not a database.
    """
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    with _reaching(tracking_uri, "reaching"):
        _probe(tracking_uri)
        for noisy in ("alembic", "mlflow.store.db.utils"):
            logging.getLogger(noisy).setLevel(logging.WARNING)
        if tracking_uri.startswith(("http://", "https://")):
            return _client(tracking_uri)
        # MLflow creates its tables without a lock: of two processes that do so at once, one or both fail.
        with only_process(tracking_uri, "mlflow"):
            return _client_of_database(tracking_uri)


def _client(tracking_uri: str) -> Any:
    drop_missing_propagators()  # MLflow's import fails on them, and no trace is propagated here
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)


def _client_of_database(tracking_uri: str) -> Any:
    """Return a client; retry while another program, such as `mlflow server`, creates the tables."""
    for left in reversed(range(LAYOUT_ATTEMPTS)):
        try:
            return _client(tracking_uri)
        except Exception as error:  # of SQLAlchemy, alembic and MLflow
            if not left or not any(sign in str(error) for sign in _LAID_OUT_MEANWHILE):
                raise
            time.sleep(LAYOUT_SECONDS)
    raise AssertionError("unreachable")


@contextmanager
def existing_accepted() -> Iterator[None]:
    """Accept that an object to create exists: another training was faster."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _source(release_uri: str, tracking_uri: str) -> str:
    """Return the release's address as MLflow accepts it: absolute, and for a server with a scheme unknown to it.

    A tracking server refuses `file:` sources outside its artifact folder, because it would read them for its clients.
    """
    if "://" in release_uri and not release_uri.startswith("file:"):
        return release_uri
    address = Path(release_uri.removeprefix("file://")).resolve().as_uri()
    return f"release-{address}" if tracking_uri.startswith(("http://", "https://")) else address


def _version_of(client: Any, name: str, release_id: str) -> str | None:
    """Return the release's first version, on which two programs that register the release at once agree."""
    found = client.search_model_versions(f"name='{name}' and tags.`{RELEASE_TAG}`='{release_id}'")
    return str(min(int(version.version) for version in found)) if found else None


def _ensure_version(client: Any, name: str, source: str, release_id: str, run_id: str | None) -> str:
    from mlflow.exceptions import MlflowException

    try:
        client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        with existing_accepted():
            client.create_registered_model(name, description=_DESCRIPTION)
    known = _version_of(client, name, release_id)
    if known:
        return known
    tags = {RELEASE_TAG: release_id}
    made = client.create_model_version(name, source, run_id, tags=tags, await_creation_for=0)
    first = _version_of(client, name, release_id) or str(made.version)
    if first != str(made.version):
        client.delete_model_version(name, str(made.version))
    return first


def _set_alias(client: Any, name: str, alias: str, version: str) -> None:
    """Point an alias at a version. MLflow creates a missing alias without a lock: where two programs create it at once,
    a second attempt finds the alias and moves it."""
    from mlflow.exceptions import MlflowException

    try:
        client.set_registered_model_alias(name, alias, version)
    except MlflowException:
        client.set_registered_model_alias(name, alias, version)


def register(
    tracking_uri: str,
    name: str,
    release_uri: str,
    release_id: str,
    run_id: str | None,
    alias: str = CHALLENGER,
) -> str:
    """Register a published release as a model version and point `alias` at the version; a repetition changes nothing.

    Returns:
        The version, a whole number as text.

    Raises:
        RegistryError: MLflow does not answer, or refuses.
    """
    client = connect(tracking_uri)
    with _reaching(tracking_uri, f"registering release {release_id} with"):
        version = _ensure_version(client, name, _source(release_uri, tracking_uri), release_id, run_id)
        _set_alias(client, name, alias, version)
    return version


def try_register(
    tracking_uri: str | None, name: str, release_uri: str, release_id: str, run_id: str | None, alias: str = CHALLENGER
) -> tuple[str | None, str | None]:
    """Register a release that is published already; return the version, or None and the reason.

    Without a tracking URI both are None.
    """
    if tracking_uri is None:
        return None, None
    try:
        return register(tracking_uri, name, release_uri, release_id, run_id, alias), None
    except RegistryError as error:
        return None, str(error)
