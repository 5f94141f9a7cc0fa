"""Start MLflow in its own database beside the prediction log: wait for Postgres, create and migrate the database, then
exec `mlflow server`."""

import os
import subprocess
import sys
import time
from urllib.parse import urlsplit, urlunsplit

import psycopg2
from psycopg2 import errors, sql

LONGEST_WAIT = 300


def connect(url: str) -> psycopg2.extensions.connection:
    """Connect, and retry until the database answers."""
    end = time.monotonic() + LONGEST_WAIT
    while True:
        try:
            return psycopg2.connect(url, connect_timeout=5)
        except psycopg2.OperationalError as error:
            if time.monotonic() > end:
                sys.exit(f"MLflow's database does not answer: {error}")
            print(f"waiting for the database: {str(error).strip().splitlines()[0]}", flush=True)
            time.sleep(2)


def make_database(url: str, name: str) -> None:
    connection = connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
        if not cursor.fetchone():
            try:
                cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
                print(f"made the database {name}")
            except (errors.DuplicateDatabase, errors.UniqueViolation):
                pass  # another pod created it; Postgres reports the second error for simultaneous attempts
            except errors.InsufficientPrivilege:
                sys.exit(f"the database's user may not create {name}: create it, or name another in mlflow.database")
    connection.close()


def bring_up_to_date(url: str, name: str) -> None:
    """Migrate the tables of an earlier MLflow; `mlflow server` creates the tables of a new database."""
    with connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('alembic_version')")
        filled = cursor.fetchone()[0] is not None
    if filled and subprocess.run(["mlflow", "db", "upgrade", mlflows(url)], check=False).returncode:
        sys.exit(f"the tables in {name} cannot be migrated: they may belong to a later MLflow than this image's")


def mlflows(url: str) -> str:
    """Add the installed driver to the address, which SQLAlchemy does not choose automatically."""
    return urlunsplit(urlsplit(url)._replace(scheme="postgresql+psycopg2"))


def main() -> None:
    log = urlsplit(os.environ["DATABASE_URL"])._replace(scheme="postgresql")
    name = os.environ["MLFLOW_DATABASE"]
    make_database(urlunsplit(log), name)
    own = urlunsplit(log._replace(path=f"/{name}"))
    bring_up_to_date(own, name)
    os.environ["MLFLOW_BACKEND_STORE_URI"] = mlflows(own)
    arguments = ["--host", "0.0.0.0", "--port", "5000", "--workers", "1"]
    artifacts = ["--default-artifact-root", os.environ["MLFLOW_ARTIFACTS"], "--no-serve-artifacts"]
    os.execvp("mlflow", ["mlflow", "server", *arguments, *artifacts])


if __name__ == "__main__":
    main()
