"""Write a row into the prediction log and read it back, in a transaction that is taken back."""

import asyncio
import os

from probe import failed, passed
from sqlalchemy import insert, select

from prediction_log import LogError
from prediction_log.database.connection import connected, parse_url
from prediction_log.record import new_id, time_of
from prediction_log.schema import predictions

ROW = {
    "release_id": "0" * 16,
    "label": "positive",
    "probability": 0.5,
    "confidence": 0.5,
    "margin": 0.0,
    "tokens": 1,
    "truncated": False,
    "latency_ms": 0.0,
    "source": "predict",
}


async def written_and_read() -> bool:
    identifier = new_id()
    async with connected(parse_url(os.environ["DATABASE_URL"])) as connection:
        attempt = await connection.begin_nested()
        await connection.execute(insert(predictions).values(id=identifier, time=time_of(identifier), **ROW))
        found = await connection.execute(select(predictions.c.id).where(predictions.c.id == identifier))
        there = found.first() is not None
        await attempt.rollback()
    return there


try:
    if not asyncio.run(written_and_read()):
        failed("the row that was written cannot be read")
except LogError as error:
    failed(str(error))
passed("a row was written, read, and taken back")
