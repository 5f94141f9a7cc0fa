"""Let one process at a time into a database, for steps that check first and then create."""

import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LONGEST_WAIT = 300.0  # seconds; a migration of a large database takes a minute or two
POLL_SECONDS = 0.05
_LOCK_NOT_AVAILABLE = "55P03"


class DatabaseBusy(Exception):
    """Another process has held the lock for `LONGEST_WAIT` seconds."""


def _file_of(database: str | None, purpose: str) -> Path | None:
    """Return the path of a SQLite database's lock file: beside it, so that pods that share a volume share the lock."""
    if not database or database == ":memory:" or database.startswith("file:"):
        return None
    path = Path(database).absolute()
    return path.with_name(f"{path.name}.{purpose}.lock")


@contextmanager
def _file_locked(path: Path, seconds: float) -> Iterator[bool]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError:  # a folder that cannot be written holds no database that could be created
        yield False
        return
    try:
        end = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= end:
                    raise DatabaseBusy(
                        f"{path} has been locked by another process for {seconds:.0f} s; end that process"
                    ) from None
                time.sleep(POLL_SECONDS)
        yield True
    finally:
        os.close(descriptor)  # which also unlocks


@contextmanager
def _postgres_locked(url: str, key: int, seconds: float) -> Iterator[bool]:
    """Hold an advisory lock of a transaction: a pooler may give each transaction another session."""
    import sqlalchemy

    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection, connection.begin():
        connection.execute(sqlalchemy.text(f"SET LOCAL lock_timeout = '{round(seconds * 1000)}ms'"))
        connection.execute(sqlalchemy.text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        try:
            connection.execute(sqlalchemy.text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})
        except sqlalchemy.exc.OperationalError as error:
            # psycopg calls the code `sqlstate`, psycopg2 `pgcode`.
            if _LOCK_NOT_AVAILABLE not in (getattr(error.orig, name, None) for name in ("sqlstate", "pgcode")):
                raise
            raise DatabaseBusy(
                f"the database has been locked by another process for {seconds:.0f} s; end that process"
            ) from error
        yield True


@contextmanager
def only_process(url: str, purpose: str, seconds: float = LONGEST_WAIT) -> Iterator[bool]:
    """Let one process at a time into this context, for the same database and purpose.

    SQLite is locked by a file beside it, Postgres by an advisory lock. Any other database is not locked.

    Yields:
        Whether other processes are kept out.

    Raises:
        DatabaseBusy: another process did not leave the context in time.
        sqlalchemy.exc.SQLAlchemyError, ImportError: the URL is not a database's, its driver is missing, or Postgres
            cannot be reached.
    """
    from sqlalchemy.engine import make_url

    parts = make_url(url)
    backend = parts.get_backend_name()
    if backend == "sqlite" and (path := _file_of(parts.database, purpose)):
        with _file_locked(path, seconds) as exclusive:
            yield exclusive
    elif backend == "postgresql":
        key = int.from_bytes(hashlib.sha256(purpose.encode()).digest()[:8], signed=True)
        with _postgres_locked(url, key, seconds) as exclusive:
            yield exclusive
    else:
        yield False
