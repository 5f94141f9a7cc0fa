"""Sinks of the writer's batches: one connection to Postgres or SQLite, with inserts idempotent by id."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import asyncpg
from sqlalchemy.engine import URL

from prediction_log.database.connection import is_sqlite
from prediction_log.database.postgres import connect_postgres
from prediction_log.database.sqlite import BUSY_SECONDS, set_pragmas
from prediction_log.record import FIELDS, PredictionRecord, as_json, storable, time_of

COLUMNS = ("id", "time", *FIELDS[1:])
_NAMES = ", ".join(COLUMNS)
_POSTGRES_INSERT = (
    f"INSERT INTO predictions ({_NAMES}) VALUES ({', '.join(f'${n + 1}' for n in range(len(COLUMNS)))}) "
    "ON CONFLICT DO NOTHING"
)
_SQLITE_INSERT = f"INSERT OR IGNORE INTO predictions ({_NAMES}) VALUES ({', '.join('?' * len(COLUMNS))})"


class RowsRefused(Exception):
    """The database is up but refuses these rows' content."""


class Sink(Protocol):
    """One connection. Its methods raise when the database is down; `insert` raises RowsRefused for bad content."""

    async def connect(self) -> None: ...

    async def insert(self, records: Sequence[PredictionRecord]) -> None:
        """Add the rows that are not in the table yet."""
        ...

    async def close(self) -> None:
        """Drop the connection without waiting; never raises."""
        ...


async def insert_all(
    sink: Sink, records: Sequence[PredictionRecord], refused: Callable[[PredictionRecord, str], None]
) -> int:
    """Insert rows; call `refused` for each whose content the database refuses. Return the number of accepted rows.

    Halving the batch finds a bad row, so that it does not delay the good ones.
    """
    if not records:
        return 0
    try:
        await sink.insert(records)
    except RowsRefused as error:
        if len(records) == 1:
            refused(records[0], str(error))
            return 0
        middle = len(records) // 2
        return await insert_all(sink, records[:middle], refused) + await insert_all(sink, records[middle:], refused)
    return len(records)


def make_sink(url: URL) -> Sink:
    return SqliteSink(url) if is_sqlite(url) else PostgresSink(url)


def _row(record: PredictionRecord, time: Any) -> tuple[Any, ...]:
    return (
        record.id,
        time,
        storable(record.release_id),
        storable(record.label),
        float(record.probability),
        float(record.confidence),
        float(record.margin),
        int(record.tokens),
        bool(record.truncated),
        float(record.latency_ms),
        storable(record.source),
        storable(record.client),
        storable(record.text),
        storable(record.text_hash),
        None if record.descriptors is None else as_json(record.descriptors),
        record.sketch,
    )


class PostgresSink:
    """INSERT … ON CONFLICT DO NOTHING by executemany, whose rows are sent without a wait for each.

    COPY has no ON CONFLICT, and a staging table costs Postgres more. The explicit transaction keeps a pooler from
    handing the statement's parse and its executions to two server processes.
    """

    def __init__(self, url: URL) -> None:
        self._url = url
        self._connection: Any = None

    async def connect(self) -> None:
        self._connection = await connect_postgres(self._url, "prediction_log writer")
        async with self._connection.transaction():
            await self._connection.execute("SELECT 1 FROM predictions LIMIT 1")

    async def insert(self, records: Sequence[PredictionRecord]) -> None:
        if not records:
            return
        rows = [_row(record, time_of(record.id)) for record in records]
        transaction = self._connection.transaction()
        await transaction.start()
        try:
            await self._connection.executemany(_POSTGRES_INSERT, rows)
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
            await transaction.rollback()
            raise RowsRefused(str(error)) from error
        # After any other error the caller closes the connection: a rollback might not be answered either.
        await transaction.commit()

    async def close(self) -> None:
        if self._connection is not None:
            self._connection.terminate()  # at once: a stopped server would not answer a polite goodbye
            self._connection = None


class SqliteSink:
    """INSERT OR IGNORE by executemany on a separate thread.

    A batch is one call that includes the commit: it completes even when its caller stops waiting, and leaves no open
    transaction.
    """

    def __init__(self, url: URL) -> None:
        self._path = str(url.database)
        self._thread: ThreadPoolExecutor | None = None
        self._connection: sqlite3.Connection | None = None

    async def connect(self) -> None:
        self._thread = ThreadPoolExecutor(1, "prediction-log-sqlite")
        self._connection = await asyncio.get_running_loop().run_in_executor(self._thread, self._open)

    def _open(self) -> sqlite3.Connection:
        Path(self._path).parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, timeout=BUSY_SECONDS)
        set_pragmas(connection)
        connection.execute("SELECT 1 FROM predictions LIMIT 1")
        return connection

    async def insert(self, records: Sequence[PredictionRecord]) -> None:
        # The text form of a UTC datetime that SQLAlchemy reads back.
        rows = [_row(record, time_of(record.id).strftime("%Y-%m-%d %H:%M:%S.%f")) for record in records]
        if self._connection is None:
            raise ConnectionError("not connected")
        await asyncio.get_running_loop().run_in_executor(self._thread, _insert_rows, self._connection, rows)

    async def close(self) -> None:
        if self._thread is None:
            return
        if self._connection is not None:
            self._thread.submit(self._connection.close)
        self._thread.shutdown(wait=False)
        self._thread = self._connection = None


def _insert_rows(connection: sqlite3.Connection, rows: list[tuple[Any, ...]]) -> None:
    try:
        with connection:
            connection.executemany(_SQLITE_INSERT, rows)
    except (sqlite3.InterfaceError, sqlite3.DataError, sqlite3.IntegrityError) as error:
        raise RowsRefused(str(error)) from error
