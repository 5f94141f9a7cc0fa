"""Export new labelled feedback to the release store, for a training to mix in."""

import hashlib
import io
import re
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

from drift_cronjob.errors import DriftError
from drift_cronjob.settings import DriftSettings
from prediction_log import LabelledText, labelled_texts
from sentiment_common.object_store import open_store, put_file

EXPORTED = re.compile(r"^(?P<stamp>\d{8}T\d{6})Z-[0-9a-f]{12}\.parquet$")
# A label has the time of its server's clock, and appears in the log later, with its commit. The export therefore looks
# this far back for labels that are in no file yet.
OVERLAP = timedelta(days=2)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Key = tuple[str, int, int]  # a prediction, when it was labelled (milliseconds), the label


def key_of(row: LabelledText) -> Key:
    return row.prediction_id, (row.at - _EPOCH) // timedelta(milliseconds=1), row.label


def content_hash(rows: list[LabelledText]) -> str:
    """Hash the predictions and their labels into twelve hex digits, independent of the file format."""
    lines = "\n".join(f"{row.prediction_id} {row.label}" for row in rows)
    return hashlib.sha256(lines.encode()).hexdigest()[:12]


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


def _stamp(name: str) -> datetime:
    """Return the end of the window whose export wrote the file, by its name."""
    found = EXPORTED.match(name)
    return datetime.strptime(found["stamp"], "%Y%m%dT%H%M%S").replace(tzinfo=UTC) if found else _EPOCH


def _keys(filesystem: Any, path: str) -> set[Key]:
    """Read the labels that a file holds."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(io.BytesIO(filesystem.cat_file(path)), columns=["prediction_id", "at", "label"])
        ids, at, labels = (table.column(name) for name in ("prediction_id", "at", "label"))
        milliseconds = at.cast(pa.timestamp("ms", "UTC"), safe=False).cast(pa.int64())
        return set(zip(ids.to_pylist(), milliseconds.to_pylist(), labels.to_pylist(), strict=True))
    except (pa.ArrowException, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise DriftError(f"{path} is not a file of exported feedback ({reason}); remove it") from error


def _exported(filesystem: Any, folder: str, end: datetime, keep: timedelta) -> tuple[datetime, set[Key]]:
    """Return the time from which labels may be missing in the files, and the labels that files since then hold."""
    try:
        names = [str(path).rsplit("/", 1)[-1] for path in filesystem.ls(folder, detail=False)]
    except FileNotFoundError:
        names = []
    stamps = {name: _stamp(name) for name in names if EXPORTED.match(name)}
    since, known = end - keep, set[Key]()
    # The newest label counts, not the file's stamp: the stamp is ahead of the labels if the check's clock was fast.
    for name in sorted(stamps, key=stamps.__getitem__, reverse=True):
        if stamps[name] < since:
            break  # a file holds no label later than its stamp
        keys = _keys(filesystem, f"{folder}/{name}")
        known |= keys
        given = (_EPOCH + timedelta(milliseconds=milliseconds) for _, milliseconds, _ in keys)
        since = max([since, *(at - OVERLAP for at in given if at <= end)])
    return since, known


def export(settings: DriftSettings, end: datetime, releases: Collection[str]) -> str:
    """Write the labels given until `end` that are in no file yet to `<name>/feedback/<end>-<hash>.parquet`.

    The columns are text, label, prediction_id and at (when the label was given). The prediction may be of any age. Of
    several new labels of a prediction, the last is written. A label that changes an exported label is written too, and
    counts because it is later. Predictions without a text in the log (LOG_TEXT=hash) are left out.

    Args:
        releases: the model's releases; the log may hold predictions of other models.

    Returns:
        A sentence on the exported labels.

    Raises:
        LogError: the log cannot be read.
        DriftError: the store cannot be read or written.
    """
    folder = f"{settings.releases_uri.rstrip('/')}/{settings.model_name}/feedback"
    try:
        filesystem, path = open_store(folder)
        since, known = _exported(filesystem, path, end, timedelta(days=settings.keep_days))
    except DriftError:
        raise
    except Exception as error:  # stores raise errors without a common base
        raise _failed("read from", folder, error) from error
    labels = labelled_texts(settings.read_url, since, end, releases=releases)
    found = [row for row in labels if key_of(row) not in known]
    rows = [row for row in found if row.text is not None]
    if not found:
        return "no feedback was exported: none is new"
    if not rows:
        return f"none of {len(found)} labels was exported: the log keeps no texts (LOG_TEXT=hash)"
    try:
        put_file(filesystem, f"{path}/{end:%Y%m%dT%H%M%SZ}-{content_hash(rows)}.parquet", _parquet(rows))
    except Exception as error:  # as above
        raise _failed("written to", folder, error) from error
    without = f"; {len(found) - len(rows)} labels have no text" if len(found) > len(rows) else ""
    return f"exported {len(rows)} labelled texts to {folder}{without}"


def _failed(doing: str, folder: str, error: Exception) -> DriftError:
    reason = f"{type(error).__name__}: {error}".splitlines()[0]
    return DriftError(
        f"the feedback cannot be {doing} {folder} ({reason}); check RELEASES_URI, the credentials and AWS_ENDPOINT_URL"
    )
