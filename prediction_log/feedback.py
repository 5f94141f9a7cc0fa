"""True labels that people send for predictions."""

import contextlib
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from prediction_log.database.connection import STATEMENT_SECONDS, connected, parse_url, run
from prediction_log.errors import InvalidFeedback, LogError, UnknownPrediction
from prediction_log.record import storable, time_of
from prediction_log.schema import feedback, predictions

LABELS = ("negative", "positive")
FEEDBACK_SECONDS = 3.0  # a client waits for the answer
_CHUNK = 1000  # predictions that one statement selects
GRACE = timedelta(minutes=1)  # a prediction's row may still be on its way to the database


async def add_feedback_async(url: str, prediction_id: str, true_label: str, who: str | None) -> None:
    """Store a true label for a prediction; the latest of several labels counts.

    Raises:
        UnknownPrediction: the log has no such prediction, and it is older than a minute.
        InvalidFeedback: the id is not a uuid7, or the label not one of `LABELS`.
        LogError: the database cannot be used, or takes longer than `FEEDBACK_SECONDS` for a statement.
    """
    if true_label not in LABELS:
        raise InvalidFeedback(f"label {true_label!r} is not one of {', '.join(LABELS)}")
    try:
        made = time_of(prediction_id)
    except LogError as error:
        raise InvalidFeedback(str(error)) from None
    canonical = str(uuid.UUID(prediction_id))
    async with connected(parse_url(url), seconds=FEEDBACK_SECONDS) as connection:
        columns = predictions.c
        query = select(columns.id).where(columns.time == made, columns.id == canonical)
        known = (await connection.execute(query)).first() is not None
        now = datetime.now(UTC)
        if not known and abs(now - made) >= GRACE:  # the clock of the server that made it may be ahead
            raise UnknownPrediction(f"no prediction has the id {prediction_id}")
        row = {"prediction_id": canonical, "true_label": true_label, "who": storable(who), "created": now}
        await connection.execute(feedback.insert().values(row))


def add_feedback(url: str, prediction_id: str, true_label: str, who: str | None) -> None:
    """Call `add_feedback_async` from synchronous code."""
    run(add_feedback_async(url, prediction_id, true_label, who))


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A prediction with feedback: its id and text, the last true label (0 negative, 1 positive) and when that came.

    `text` is None where the log does not keep texts (LOG_TEXT=hash).
    """

    prediction_id: str
    text: str | None
    label: int
    at: datetime


class Labelled(NamedTuple):
    """The last label that a prediction was given in a window, and the prediction's row."""

    true_label: str
    at: datetime
    prediction: Any  # a row of SQLAlchemy: the id, then the requested columns


async def read_labelled(
    connection: AsyncConnection,
    start: datetime,
    end: datetime,
    columns: Sequence[ColumnElement[Any]],
    releases: Collection[str] | None,
) -> list[Labelled]:
    """Return the predictions that were labelled in [start, end), however old they are, in time order.

    The latest of several labels of a prediction counts. Labels whose prediction is not in the log, or is of
    another release, are left out.

    Args:
        columns: what is read of each prediction.
        releases: releases whose predictions are read; all by default.
    """
    given, made = feedback.c, predictions.c
    place = func.row_number().over(partition_by=given.prediction_id, order_by=(given.created.desc(), given.id.desc()))
    inside = select(given.prediction_id, given.true_label, given.created, place.label("place"))
    ranked = inside.where(given.created >= start, given.created < end).subquery().c
    last = select(ranked.prediction_id, ranked.true_label, ranked.created).where(ranked.place == 1)
    labels = {str(row[0]): (str(row[1]), row[2]) for row in (await connection.execute(last)).all()}
    keys = []
    for prediction_id in labels:
        with contextlib.suppress(LogError):  # a row that was written by hand
            keys.append((time_of(prediction_id), prediction_id))
    keys.sort()
    found: list[Labelled] = []
    for first in range(0, len(keys), _CHUNK):
        # By the primary key: the time is in the id, so no other partition is scanned.
        wanted = tuple_(made.time, made.id).in_(keys[first : first + _CHUNK])
        query = select(made.id, *columns).where(wanted).order_by(made.time, made.id)
        if releases is not None:
            query = query.where(made.release_id.in_(sorted(releases)))
        rows = (await connection.execute(query)).all()
        found += [Labelled(*labels[str(row[0])], row) for row in rows]
    return found


async def _labelled_texts(
    url: str, start: datetime, end: datetime, releases: Collection[str] | None, seconds: float
) -> list[LabelledText]:
    async with connected(parse_url(url), read_only=True, seconds=seconds) as connection:
        found = await read_labelled(connection, start, end, (predictions.c.text,), releases)
    return [
        LabelledText(str(one.prediction[0]), one.prediction[1], LABELS.index(one.true_label), one.at) for one in found
    ]


def labelled_texts(
    url: str,
    start: datetime,
    end: datetime,
    *,
    releases: Collection[str] | None = None,
    timeout_seconds: float = STATEMENT_SECONDS,
) -> list[LabelledText]:
    """Return the texts that were labelled in [start, end), however old they are, ordered by time; see `read_labelled`.

    Raises:
        LogError: the database cannot be used, or takes longer than `timeout_seconds`.
    """
    return run(_labelled_texts(url, start, end, releases, timeout_seconds))
