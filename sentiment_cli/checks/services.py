"""The services that the programs need: the release store, the prediction log, MLflow."""

import sqlite3
import tempfile
from pathlib import Path

from sentiment_cli.checks.check import Check, fail, ok, skip, warn
from sentiment_cli.settings import absent_sqlite
from sentiment_common.addresses import without_password
from sentiment_common.errors import first_line
from sentiment_common.propagators import drop_missing_propagators

HTTP_SECONDS = 5.0


def check_releases(uri: str, name: str) -> Check:
    """Check that the store is reachable and a release is promoted."""
    from model_release import ReleaseError, ReleaseStore

    try:
        store = ReleaseStore(uri)
        ids, champion = store.list_releases(name), store.champion(name)
    except ReleaseError as error:
        return fail("releases", first_line(error), "set RELEASES_URI to a readable folder or s3://bucket/prefix")
    found = f"{len(ids)} of {name!r} in {store.base}"
    if not ids:
        return warn("releases", found, "sentiment train --mode quick --train YOUR.csv (or: sentiment demo)")
    if champion is None:
        return warn("releases", f"{found}, none promoted", f"sentiment promote {ids[0]}")
    if champion.id not in ids:
        remedy = f"sentiment rollback (or: sentiment promote {ids[0]})"
        return fail("releases", f"the champion {champion.id} is not among the whole releases of {store.base}", remedy)
    return ok("releases", f"{found}, champion {champion.id} since {champion.when} by {champion.who}")


def check_champion_files(uri: str, name: str) -> Check:
    """Check the champion's files in the store against the sha256 in its manifest."""
    from model_release import ReleaseError, ReleaseStore
    from model_release.manifest import SERVING

    label = "champion's files"
    try:
        store = ReleaseStore(uri)
        champion = store.champion(name)
        if champion is None:
            return skip(label, "no champion (see releases)")
        with tempfile.TemporaryDirectory(prefix="sentiment-doctor-") as scratch:
            store.fetch(name, champion.id, Path(scratch))
        manifest = store.manifest(name, champion.id)
    except ReleaseError as error:
        return fail(label, first_line(error), "its content has changed: sentiment rollback, or publish it again")
    served = [entry for entry in manifest.files if entry.path.startswith(SERVING)]
    size = sum(entry.size for entry in served) / 1e6
    return ok(label, f"{len(served)} served files, {size:.1f} MB, all match the manifest")


def check_database(url: str) -> Check:
    """Check that the prediction log is reachable and its tables are those of this version."""
    from prediction_log import LogError, LogRefused
    from prediction_log.database.connection import parse_url, shown
    from prediction_log.maintenance.migrate import head, revision

    remedy = "python -m prediction_log upgrade"
    absent = absent_sqlite(url)
    if absent:
        return warn("database", f"{absent} does not exist yet", f"the server creates it when it starts (or: {remedy})")
    try:
        place = shown(parse_url(url))
        found = revision(url)
    except LogRefused as error:
        found, _, remedy = first_line(error).partition("; ")
        return fail("database", found, remedy)
    except LogError as error:
        return fail("database", first_line(error), "check DATABASE_URL, the password, and that the database runs")
    if found is None:
        return fail("database", f"{place} is reachable but has none of the log's tables", remedy)
    if found != head():
        return fail("database", f"{place} has the tables of revision {found}, this version needs {head()}", remedy)
    return _check_writes(url, f"{place} is reachable, its tables are at the head ({found})")


def _check_writes(url: str, found: str) -> Check:
    from prediction_log import LogError
    from prediction_log.database.access import why_read_only

    try:
        reason = why_read_only(url)
    except LogError as error:
        return fail("database", first_line(error), "check the rights of the role in DATABASE_URL")
    if reason is None:
        return ok("database", found)
    remedy = "enough for status and the page; the server and drift checks need a DATABASE_URL that can be written"
    return warn("database", f"{found}, and it can only be read: {reason}", remedy)


def check_mlflow(uri: str) -> Check:
    """Check that training can record its runs. A file is checked without MLflow; nothing is created."""
    if uri.startswith("sqlite:///"):
        return _mlflow_sqlite(Path(uri.removeprefix("sqlite:///")))
    if uri.startswith(("http://", "https://")):
        return _mlflow_http(uri.rstrip("/"))
    return skip("mlflow", f"{uri.split(':')[0]}: is not checked; training reports an error where it cannot be used")


def _mlflow_sqlite(path: Path) -> Check:
    if not path.exists():
        return ok("mlflow", f"{path} will be created by the first training")
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=HTTP_SECONDS) as database:
            (count,) = database.execute("SELECT count(*) FROM runs").fetchone()
    except sqlite3.Error as error:
        remedy = "the file is not MLflow's database: set MLFLOW_TRACKING_URI to another file, or move this file away"
        return fail("mlflow", f"{path}: {first_line(error)}", remedy)
    return ok("mlflow", f"{count} runs in {path}")


def _innermost(error: BaseException) -> str:
    """Return the root cause of a library's error, without an address, which may hold a password."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    reason = first_line(error)
    return type(error).__name__ if "://" in reason or "@" in reason else reason


def _mlflow_http(uri: str) -> Check:
    """Query MLflow as a training does: with MLflow's own client, login, certificates and proxy."""
    drop_missing_propagators()  # MLflow's import fails on them
    from mlflow.exceptions import MlflowException
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    shown = without_password(uri)
    try:
        creds = get_default_host_creds(uri)
        answer = http_request(creds, "/health", "GET", max_retries=0, timeout=HTTP_SECONDS, raise_on_status=False)
    except (MlflowException, OSError, ValueError) as error:  # requests' errors are OSErrors
        remedy = "start MLflow, or set MLFLOW_TRACKING_URI; serving and rollback work without it"
        return fail("mlflow", f"{shown}: {_innermost(error)}", remedy)
    if answer.status_code == 401:
        remedy = "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
        return fail("mlflow", f"{shown}/health answered 401", remedy)
    if answer.status_code == 403:
        remedy = "list the host name of this address in the server's MLFLOW_SERVER_ALLOWED_HOSTS"
        return fail("mlflow", f"{shown}/health answered 403", remedy)
    if not answer.ok:
        return fail(
            "mlflow",
            f"{shown}/health answered {answer.status_code}",
            "see the server's log",
        )
    return ok("mlflow", f"{shown} answers")
