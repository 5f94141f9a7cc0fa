"""True labels that people send for predictions."""

import uuid
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select

from prediction_log.database import connected, parse_url, run
from prediction_log.errors import LogError, UnknownPrediction
from prediction_log.record import storable, time_of
from prediction_log.schema import feedback, predictions

LABELS = ("negative", "positive")
GRACE = timedelta(minutes=1)  # a prediction's row may still be on its way to the database


async def add_feedback_async(url: str, prediction_id: str, true_label: str, who: str | None) -> None:
    """Keep a true label for a prediction; the newest one counts.

    Raises:
        UnknownPrediction: the log has no such prediction, and it is older than a minute.
        LogError: the id is no uuid7, the label none of `LABELS`, or the database cannot be used.
    """
    if true_label not in LABELS:
        raise LogError(f"label {true_label!r} is not one of {', '.join(LABELS)}")
    made = time_of(prediction_id)
    canonical = str(uuid.UUID(prediction_id))
    async with connected(parse_url(url)) as connection:
        columns = predictions.c
        query = select(columns.id).where(columns.time == made, columns.id == canonical)
        known = (await connection.execute(query)).first() is not None
        now = datetime.now(UTC)
        if not known and not timedelta(0) <= now - made < GRACE:
            raise UnknownPrediction(f"no prediction has the id {prediction_id}")
        row = {"prediction_id": canonical, "true_label": true_label, "who": storable(who), "created": now}
        await connection.execute(feedback.insert().values(row))


def add_feedback(url: str, prediction_id: str, true_label: str, who: str | None) -> None:
    """`add_feedback_async` for synchronous code."""
    run(add_feedback_async(url, prediction_id, true_label, who))


async def _labelled_texts(url: str, start: datetime, end: datetime) -> list[tuple[str, str, int]]:
    newest = select(func.max(feedback.c.id)).group_by(feedback.c.prediction_id)
    query = (
        select(predictions.c.id, predictions.c.text, feedback.c.true_label)
        .join(feedback, feedback.c.prediction_id == predictions.c.id)
        .where(feedback.c.id.in_(newest), predictions.c.text.is_not(None))
        .where(predictions.c.time >= start, predictions.c.time < end)
        .order_by(predictions.c.id)
    )
    async with connected(parse_url(url)) as connection:
        rows = (await connection.execute(query)).all()
    return [(str(identifier), text, int(label == LABELS[1])) for identifier, text, label in rows]


def labelled_texts(url: str, start: datetime, end: datetime) -> list[tuple[str, str, int]]:
    """(prediction id, text, newest true label: 0 negative, 1 positive) of the window's predictions that have feedback
    and whose text is kept, by id.

    Raises:
        LogError: the database cannot be used.
    """
    return run(_labelled_texts(url, start, end))
