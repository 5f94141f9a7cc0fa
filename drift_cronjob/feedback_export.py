"""Labelled feedback of a window, written to the release store for a training to mix in."""

import hashlib
import io
from datetime import datetime
from typing import Any

from drift_cronjob.errors import DriftError
from drift_cronjob.settings import DriftSettings
from prediction_log import LabelledText, labelled_texts
from sentiment_common.object_store import open_store


def content_hash(rows: list[LabelledText]) -> str:
    """Twelve hex digits that stand for which predictions have which labels, whatever wrote the file."""
    told = "\n".join(f"{row.prediction_id} {row.label}" for row in rows)
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def _parquet(rows: list[LabelledText]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: dict[str, Any] = {
        "text": pa.array([row.text for row in rows], pa.string()),
        "label": pa.array([row.label for row in rows], pa.int8()),
        "prediction_id": pa.array([row.prediction_id for row in rows], pa.string()),
        "at": pa.array([row.at for row in rows], pa.timestamp("ms", "UTC")),
    }
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def export(settings: DriftSettings, start: datetime, end: datetime) -> str:
    """Write `<name>/feedback/<end>-<hash>.parquet` (text, label, prediction_id, at); a sentence on what was done.

    The same feedback gives one file, also when windows overlap. Predictions whose text the log does not keep
    (LOG_TEXT=hash) are left out.

    Raises:
        LogError: the log cannot be read.
        DriftError: the store cannot be written.
    """
    found = labelled_texts(settings.read_url, start, end)
    rows = [row for row in found if row.text is not None]
    if not found:
        return "no feedback in this window, so none was exported"
    if not rows:
        return f"none of {len(found)} labels was exported: the log keeps no texts (LOG_TEXT=hash)"
    digest = content_hash(rows)
    folder = f"{settings.releases_uri.rstrip('/')}/{settings.model_name}/feedback"
    try:
        written = _write(folder, f"{end:%Y%m%dT%H%M%SZ}-{digest}.parquet", f"*-{digest}.parquet", _parquet(rows))
    except Exception as error:  # a store's own errors have no common base
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise DriftError(
            f"the feedback cannot be written to {folder} ({reason}); check RELEASES_URI, the credentials and "
            "AWS_ENDPOINT_URL"
        ) from error
    if not written:
        return f"this window's {len(rows)} labelled texts were exported before"
    without = f"; {len(found) - len(rows)} labels have no text" if len(found) > len(rows) else ""
    return f"exported {len(rows)} labelled texts to {folder}{without}"


def _write(folder: str, name: str, same: str, content: bytes) -> bool:
    """Write the file, whole or not at all, unless one that matches `same` is there."""
    from drift_cronjob.report import put_file

    filesystem, path = open_store(folder)
    if filesystem.glob(f"{path}/{same}"):
        return False
    put_file(filesystem, f"{path}/{name}", content)
    return True
