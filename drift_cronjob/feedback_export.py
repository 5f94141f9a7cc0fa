"""Labelled feedback of a window, written to the release store for a training to mix in."""

import hashlib
import io
from datetime import datetime

import fsspec
import pandas as pd

from drift_cronjob.errors import DriftError
from drift_cronjob.settings import DriftSettings
from prediction_log import labelled_texts


def export(settings: DriftSettings, start: datetime, end: datetime) -> str:
    """Write `<name>/feedback/<end>-<hash>.parquet` (text, label 0 or 1, prediction_id); a sentence on what was done.

    The same feedback gives the same file. Rows whose text the log does not keep (LOG_TEXT=hash) are left out.

    Raises:
        LogError: the log cannot be read.
        DriftError: the store cannot be written.
    """
    rows = labelled_texts(settings.database_url, start, end)
    if not rows:
        return "no feedback with texts in this window, so none was exported"
    frame = pd.DataFrame(rows, columns=["prediction_id", "text", "label"])
    buffer = io.BytesIO()
    frame[["text", "label", "prediction_id"]].to_parquet(buffer, index=False)
    digest = hashlib.sha256("\n".join(f"{one} {label}" for one, _, label in rows).encode()).hexdigest()[:12]
    folder = f"{settings.releases_uri.rstrip('/')}/{settings.model_name}/feedback"
    try:
        filesystem, path = fsspec.core.url_to_fs(folder)
        known = filesystem.glob(f"{path}/*-{digest}.parquet")
        if known:
            return f"this window's feedback ({len(rows)} texts) was exported before"
        filesystem.makedirs(path, exist_ok=True)
        filesystem.pipe_file(f"{path}/{end:%Y%m%dT%H%M%SZ}-{digest}.parquet", buffer.getvalue())
    except Exception as error:  # a store's own errors have no common base
        raise DriftError(
            f"the feedback cannot be written to {folder}: {error}; check RELEASES_URI and its keys"
        ) from error
    return f"exported {len(rows)} labelled texts to {folder}"
