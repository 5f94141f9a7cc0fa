"""Read a window of the log: samples, summaries, feedback."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import ColumnElement, Row, and_, cast, func, select
from sqlalchemy import Text as SqlText
from sqlalchemy.ext.asyncio import AsyncConnection

from prediction_log.database.connection import STATEMENT_SECONDS, connected, is_sqlite, parse_url, run
from prediction_log.errors import LogError
from prediction_log.feedback import read_labelled
from prediction_log.record import SKETCH_BYTES
from prediction_log.schema import predictions

P = predictions.c
POSITIVE = "positive"
Releases = str | Collection[str] | None  # one release, several such as all of a model, or whichever answered


@dataclass(frozen=True, slots=True)
class Window:
    """n sampled rows of [start, end) in the order of their time, and the true number of rows there.

    `label` is i8 (0 negative, 1 positive); `sketch` is f16[n, 64], NaN where the row has none.
    """

    start: datetime
    end: datetime
    total_rows: int
    ids: list[str]
    time: npt.NDArray[np.datetime64]
    label: npt.NDArray[np.int8]
    probability: npt.NDArray[np.float32]
    confidence: npt.NDArray[np.float32]
    margin: npt.NDArray[np.float32]
    tokens: npt.NDArray[np.int32]
    truncated: npt.NDArray[np.bool_]
    latency_ms: npt.NDArray[np.float32]
    text: list[str | None]
    text_hash: list[str | None]
    descriptors: list[dict[str, float] | None]
    sketch: npt.NDArray[np.float16]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts, means and quantiles of a window's predictions; means and times are None if the window is empty."""

    predictions: int
    by_label: dict[str, int]
    by_release: dict[str, int]
    by_source: dict[str, int]
    mean_confidence: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    first: datetime | None
    last: datetime | None


@dataclass(frozen=True, slots=True)
class HourRow:
    """Predictions of one hour (UTC) and their average confidence."""

    hour: datetime
    predictions: int
    average_confidence: float


@dataclass(frozen=True, slots=True)
class Feedback:
    """The n predictions that were labelled in a window: the last true label of each, and what was predicted."""

    prediction_id: list[str]
    true_label: npt.NDArray[np.int8]
    label: npt.NDArray[np.int8]
    probability: npt.NDArray[np.float32]
    margin: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.prediction_id)


class WindowReader:
    """Synchronous reads; each opens and closes a connection.

    Every method takes a half-open window [start, end) of aware datetimes and raises LogError when the database cannot
    be reached, has no tables, or takes longer than `timeout_seconds` for a statement.
    """

    def __init__(self, url: str, timeout_seconds: float = STATEMENT_SECONDS) -> None:
        self._url = parse_url(url)
        self._seconds = timeout_seconds

    def read(
        self,
        start: datetime,
        end: datetime,
        *,
        release_id: str | None = None,
        max_rows: int | None = None,
        seed: int = 0,
    ) -> Window:
        """The window's rows; when there are more than `max_rows`, a uniform sample that the database draws."""
        return run(self._read(start, end, release_id, max_rows, seed))

    def summary(self, start: datetime, end: datetime, release: Releases = None) -> Summary:
        return run(self._summary(start, end, release))

    def hourly(self, start: datetime, end: datetime, release: Releases = None) -> list[HourRow]:
        """Predictions and average confidence by hour, the oldest first; hours without any are left out."""
        return run(self._hourly(start, end, release))

    def feedback(self, start: datetime, end: datetime, release: Releases = None) -> Feedback:
        """The predictions that were labelled in the window, however old they are."""
        return run(self._feedback(start, end, release))

    async def _read(
        self, start: datetime, end: datetime, release_id: str | None, max_rows: int | None, seed: int
    ) -> Window:
        where = _inside(start, end, release_id)
        async with connected(self._url, read_only=True, seconds=self._seconds) as connection:
            total = int((await connection.execute(select(func.count()).where(where))).scalar_one())
            query = select(predictions).where(where)
            if max_rows is not None and total > max_rows:
                query = query.order_by(*_random_order(seed)).limit(max_rows)
            rows = (await connection.execute(query)).all()
        return _window(start, end, total, sorted(rows, key=lambda row: (row.time, row.id)))

    async def _summary(self, start: datetime, end: datetime, release: Releases) -> Summary:
        where = _inside(start, end, release)
        async with connected(self._url, read_only=True, seconds=self._seconds) as connection:
            totals = select(func.count(), func.avg(P.confidence), func.min(P.time), func.max(P.time)).where(where)
            count, mean, first, last = (await connection.execute(totals)).one()
            return Summary(
                predictions=count,
                by_label=await _counts(connection, P.label, where),
                by_release=await _counts(connection, P.release_id, where),
                by_source=await _counts(connection, P.source, where),
                mean_confidence=None if mean is None else float(mean),
                p50_ms=await _quantile(connection, 0.5, count, where),
                p95_ms=await _quantile(connection, 0.95, count, where),
                p99_ms=await _quantile(connection, 0.99, count, where),
                first=first,
                last=last,
            )

    async def _hourly(self, start: datetime, end: datetime, release: Releases) -> list[HourRow]:
        sqlite = is_sqlite(self._url)
        hour = func.strftime("%Y-%m-%dT%H:00:00+00:00", P.time) if sqlite else func.date_trunc("hour", P.time, "UTC")
        named = hour.label("hour")
        query = select(named, func.count(), func.avg(P.confidence)).where(_inside(start, end, release))
        async with connected(self._url, read_only=True, seconds=self._seconds) as connection:
            rows = (await connection.execute(query.group_by(named).order_by(named))).all()
        return [HourRow(datetime.fromisoformat(at) if sqlite else at, count, float(mean)) for at, count, mean in rows]

    async def _feedback(self, start: datetime, end: datetime, release: Releases) -> Feedback:
        check_window(start, end)
        releases = (release,) if isinstance(release, str) else release
        columns = (P.label, P.probability, P.margin)
        async with connected(self._url, read_only=True, seconds=self._seconds) as connection:
            found = await read_labelled(connection, start, end, columns, releases)
        rows = [one.prediction for one in found]
        return Feedback(
            prediction_id=[str(row[0]) for row in rows],
            true_label=_labels([one.true_label for one in found]),
            label=_labels([row[1] for row in rows]),
            probability=np.array([row[2] for row in rows], dtype=np.float32),
            margin=np.array([row[3] for row in rows], dtype=np.float32),
        )


def check_window(start: datetime, end: datetime) -> None:
    """Raises LogError: an end of the window has no time zone."""
    if start.tzinfo is None or end.tzinfo is None:
        raise LogError("a window's start and end need a time zone; give aware datetimes")


def _inside(start: datetime, end: datetime, release: Releases) -> ColumnElement[bool]:
    check_window(start, end)
    inside = and_(P.time >= start, P.time < end)
    if release is None:
        return inside
    return and_(inside, P.release_id == release if isinstance(release, str) else P.release_id.in_(sorted(release)))


def _random_order(seed: int) -> tuple[ColumnElement[Any], ...]:
    """A random order that both databases can sort by: a uuid7's last 32 bits are random; the seed moves the start."""
    tail = func.substr(cast(P.id, SqlText), 29)
    pivot = f"{np.random.default_rng(seed).integers(2**32):08x}"
    return (tail < pivot), tail


async def _counts(connection: AsyncConnection, column: Any, where: ColumnElement[bool]) -> dict[str, int]:
    rows = await connection.execute(select(column, func.count()).where(where).group_by(column).order_by(column))
    return {str(value): int(count) for value, count in rows.all()}


async def _quantile(connection: AsyncConnection, q: float, count: int, where: ColumnElement[bool]) -> float | None:
    """The nearest-rank quantile of the latency."""
    if not count:
        return None
    rank = math.ceil(q * count) - 1
    query = select(P.latency_ms).where(where).order_by(P.latency_ms).offset(rank).limit(1)
    return float((await connection.execute(query)).scalar_one())


def _labels(values: Sequence[str]) -> npt.NDArray[np.int8]:
    return np.array([value == POSITIVE for value in values], dtype=np.int8)


def _window(start: datetime, end: datetime, total: int, rows: Sequence[Row[Any]]) -> Window:
    sketches = np.full((len(rows), SKETCH_BYTES // 2), np.nan, dtype=np.float16)
    for index, row in enumerate(rows):
        if row.sketch is not None and len(row.sketch) == SKETCH_BYTES:
            sketches[index] = np.frombuffer(row.sketch, dtype="<f2")

    def column(name: str, dtype: Any) -> npt.NDArray[Any]:
        return np.array([getattr(row, name) for row in rows], dtype=dtype)

    return Window(
        start=start,
        end=end,
        total_rows=total,
        ids=[str(row.id) for row in rows],
        time=np.array([row.time.replace(tzinfo=None) for row in rows], dtype="datetime64[ms]"),
        label=_labels([row.label for row in rows]),
        probability=column("probability", np.float32),
        confidence=column("confidence", np.float32),
        margin=column("margin", np.float32),
        tokens=column("tokens", np.int32),
        truncated=column("truncated", np.bool_),
        latency_ms=column("latency_ms", np.float32),
        text=[row.text for row in rows],
        text_hash=[row.text_hash for row in rows],
        # JSONB gives large whole numbers back as integers.
        descriptors=[
            row.descriptors and {name: float(value) for name, value in row.descriptors.items()} for row in rows
        ],
        sketch=sketches,
    )
