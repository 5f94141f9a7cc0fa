"""One prediction as the log keeps it."""

import json
import math
import secrets
import time
import uuid
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Literal

import uuid_utils

from prediction_log.errors import LogError

Source = Literal["v2-rest", "v2-grpc", "predict", "v1"]
SKETCH_BYTES = 128
MAX_TOKENS = 2**31 - 1
AHEAD_MS = 1000  # steps of a clock that is kept right by the network are smaller
_NUMBERS = ("probability", "confidence", "margin", "latency_ms")
_REQUIRED = ("release_id", "label", "source")
_TEXTS = (*_REQUIRED, "client", "text", "text_hash")
_encode_json = json.JSONEncoder(allow_nan=False).encode


def new_id() -> str:
    """A uuid7 (RFC 9562, section 5.7): sortable by its time of making.

    The library's ids never go back in time. After the clock was set back they would keep the old time until the clock
    has caught up, so a new one is made from the clock.
    """
    made = uuid_utils.uuid7()
    now = time.time_ns() // 1_000_000
    return str(made) if made.timestamp - now <= AHEAD_MS else _id_at(now)


def _id_at(milliseconds: int) -> str:
    number = milliseconds << 80 | 7 << 76 | secrets.randbits(12) << 64 | 2 << 62 | secrets.randbits(62)
    return str(uuid.UUID(int=number))


def time_of(prediction_id: str) -> datetime:
    """When a uuid7 was made, UTC, to the millisecond.

    Raises:
        LogError: it is not a uuid7.
    """
    try:
        parsed = uuid.UUID(prediction_id)
        if parsed.version == 7:
            return datetime.fromtimestamp((parsed.int >> 80) / 1000, UTC)
    except (AttributeError, TypeError, ValueError, OverflowError):  # the last: a year beyond 9999
        pass
    raise LogError(f"prediction_id {prediction_id!r} is not one of this log's ids (a uuid of version 7)")


@dataclass(slots=True)
class PredictionRecord:
    """A row of `predictions`; its time is the id's.

    Attributes:
        probability: calibrated P(positive).
        confidence: of the returned label.
        margin: positive minus negative logit, uncalibrated.
        sketch: 64 little-endian float16 of the embedding's fixed projection, or None.
    """

    id: str
    release_id: str
    label: str
    probability: float
    confidence: float
    margin: float
    tokens: int
    truncated: bool
    latency_ms: float
    source: str
    client: str | None = None
    text: str | None = None
    text_hash: str | None = None
    descriptors: dict[str, float] | None = None
    sketch: bytes | None = None


FIELDS = tuple(field.name for field in fields(PredictionRecord))


def storable(text: str | None) -> str | None:
    """The text as a database can hold it: NUL and lone surrogates become U+FFFD."""
    if text is None:
        return None
    plain = text.replace("\x00", "\ufffd")
    try:
        plain.encode()
    except UnicodeEncodeError:
        return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return plain


def check(record: PredictionRecord) -> str | None:
    """Return why a database would refuse the row, or None; a bad row must not delay the others."""
    try:
        time_of(record.id)
        for name in _NUMBERS:
            if not math.isfinite(getattr(record, name)):
                return f"{name} is not finite"
        for name in _TEXTS:
            if not isinstance(value := getattr(record, name), str) and (value is not None or name in _REQUIRED):
                return f"{name} is not a text"
        if not 0 <= record.tokens <= MAX_TOKENS:
            return f"tokens is {record.tokens}"
        if record.sketch is not None and not (isinstance(record.sketch, bytes) and len(record.sketch) == SKETCH_BYTES):
            return f"sketch is not {SKETCH_BYTES} bytes"
        if record.descriptors is not None:
            for name, value in record.descriptors.items():
                if not (isinstance(name, str) and math.isfinite(value)):
                    return f"descriptor {name!r} is not a text with a finite number"
    except (LogError, AttributeError, OverflowError, TypeError, ValueError) as error:
        return str(error)
    return None


def as_json(descriptors: dict[str, float]) -> str:
    """Standard JSON of finite numbers, numpy's too.

    Raises:
        ValueError: a number is not finite, and JSON has no NaN.
    """
    return _encode_json({storable(name): float(value) for name, value in descriptors.items()})
