"""Rows for the prediction log's tests."""

import secrets
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from kit.postgres import Server
from prediction_log import PredictionRecord, new_id
from prediction_log.database.connection import parse_url, run
from prediction_log.ingest.sinks import make_sink

DAY = timedelta(days=1)


def record(at: datetime | None = None, **changes: Any) -> PredictionRecord:
    probability = changes.pop("probability", 0.75)
    values: dict[str, Any] = {
        "id": id_at(at) if at is not None else new_id(),
        "release_id": "a" * 16,
        "label": "positive" if probability >= 0.5 else "negative",
        "probability": probability,
        "confidence": max(probability, 1 - probability),
        "margin": 4 * probability - 2,
        "tokens": 12,
        "truncated": False,
        "latency_ms": 8.5,
        "source": "v2-rest",
    }
    return PredictionRecord(**{**values, **changes})


def id_at(at: datetime) -> str:
    """Make a uuid7 of that moment."""
    milliseconds = int(at.timestamp() * 1000)
    number = milliseconds << 80 | 7 << 76 | secrets.randbits(12) << 64 | 2 << 62 | secrets.randbits(62)
    return str(uuid.UUID(int=number))


def write(url: str, records: list[PredictionRecord]) -> None:
    """Write rows through the writer's connection, without its thread."""

    async def work() -> None:
        sink = make_sink(parse_url(url))
        await sink.connect()
        try:
            await sink.insert(records)
        finally:
            await sink.close()

    run(work())


def midnight(days: int) -> datetime:
    """Return the start of the day (UTC) that many days from today."""
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + days * DAY


def partitions(server: Server, url: str) -> dict[str, int]:
    """Count the rows of each partition."""
    query = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'predictions'::regclass ORDER BY 1"
    names = [row[0] for row in server.execute(query, url)]
    return {name: server.execute(f"SELECT COUNT(*) FROM {name}", url)[0][0] for name in names}


def day_name(day: datetime) -> str:
    """Return the day's partition."""
    return f"predictions_{day:%Y%m%d}"


def wait_until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Poll until the condition holds; fail after a time limit."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come in time"
        time.sleep(0.02)


_texts = st.one_of(
    st.none(),
    st.text(st.characters(codec=None), max_size=40),
    st.sampled_from(["\x00", "\ud800", "a\udfffb", "\U0001f9d1\u200d\U0001f680"]),
)
_finite = st.floats(allow_nan=False, allow_infinity=False, width=32)
any_record = st.builds(
    PredictionRecord,
    id=st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)).map(lambda moment: id_at(moment.replace(tzinfo=UTC))),
    release_id=st.text("0123456789abcdef", min_size=16, max_size=16),
    label=st.sampled_from(["negative", "positive"]),
    probability=st.floats(0, 1),
    confidence=st.floats(0.5, 1),
    margin=_finite,
    tokens=st.integers(0, 2**31 - 1),
    truncated=st.booleans(),
    latency_ms=st.floats(0, 1e9),
    source=st.sampled_from(["v2-rest", "v2-grpc", "predict", "v1"]),
    client=_texts,
    text=_texts,
    text_hash=_texts,
    descriptors=st.none() | st.dictionaries(st.text("abc_", min_size=1), _finite, max_size=3),
    sketch=st.none() | st.binary(min_size=128, max_size=128),
)  # fmt: skip
