"""True labels that people send for predictions."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select

from prediction_log.database import STATEMENT_SECONDS, connected, parse_url, run
from prediction_log.errors import InvalidFeedback, LogError, UnknownPrediction
from prediction_log.record import storable, time_of
from prediction_log.schema import feedback, predictions

LABELS = ("negative", "positive")
FEEDBACK_SECONDS = 3.0  # a client waits for the answer
GRACE = timedelta(minutes=1)  # a prediction's row may still be on its way to the database


async def add_feedback_async(url: str, prediction_id: str, true_label: str, who: str | None) -> None:
    """Keep a true label for a prediction; the newest one counts.

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
    """`add_feedback_async` for synchronous code."""
    run(add_feedback_async(url, prediction_id, true_label, who))


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A prediction with feedback: its id and text, the newest true label (0 negative, 1 positive) and when that came.

    `text` is None where the log does not keep texts (LOG_TEXT=hash).
    """

    prediction_id: str
    text: str | None
    label: int
    at: datetime


async def _labelled_texts(url: str, start: datetime, end: datetime, seconds: float) -> list[LabelledText]:
    inside = (predictions.c.time >= start, predictions.c.time < end)
    newest = (
        select(func.max(feedback.c.id).label("id"))
        .join(predictions, predictions.c.id == feedback.c.prediction_id)
        .where(*inside)
        .group_by(feedback.c.prediction_id)
        .subquery()
    )
    query = (
        select(predictions.c.id, predictions.c.text, feedback.c.true_label, feedback.c.created)
        .join(feedback, feedback.c.prediction_id == predictions.c.id)
        .join(newest, newest.c.id == feedback.c.id)
        .where(*inside)
        .order_by(predictions.c.id)
    )
    async with connected(parse_url(url), read_only=True, seconds=seconds) as connection:
        rows = (await connection.execute(query)).all()
    return [LabelledText(str(row[0]), row[1], LABELS.index(row[2]), row[3]) for row in rows]


def labelled_texts(
    url: str, start: datetime, end: datetime, timeout_seconds: float = STATEMENT_SECONDS
) -> list[LabelledText]:
    """The predictions of [start, end) that have feedback, by id.

    Raises:
        LogError: the database cannot be used, or takes longer than this.
    """
    return run(_labelled_texts(url, start, end, timeout_seconds))
