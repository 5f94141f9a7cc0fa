"""True labels from users, mixed into the rows of a training."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from model_release.scoring.features import text_hash
from training_job.data.reading import open_source, read_labelled
from training_job.data.remote import list_files
from training_job.data.rows import FeedbackCounts, Parts, Rows, need_both_classes
from training_job.data.split import part_of
from training_job.errors import DataError

_STAMP = re.compile(r"^(\d{8}T\d{6})Z-")  # of a file that a drift check wrote


def read_times(source: str, rows: int) -> npt.NDArray[np.int64]:
    """Read the times at which the rows were labelled, in milliseconds since 1970.

    They are in the column `at`. Without it the time in the file's name counts (the end of its export), or else 0.

    Raises:
        DataError: the column does not hold times.
    """
    import pyarrow as pa
    from pyarrow import parquet

    with open_source(source) as stream:
        file = parquet.ParquetFile(stream)
        if "at" not in file.schema_arrow.names:
            return np.full(rows, _named_time(source), dtype=np.int64)
        column = file.read(["at"]).column("at")
    try:
        times = column.cast(pa.timestamp("ms", "UTC"), safe=False).cast(pa.int64())
    except pa.ArrowException as error:
        raise DataError(f"{source}: the column at does not hold times ({error}); give timestamps in UTC") from None
    return np.array(times.fill_null(0), dtype=np.int64)


def _named_time(source: str) -> int:
    found = _STAMP.match(source.rsplit("/", 1)[-1])
    if not found:
        return 0
    return int(datetime.strptime(found[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC).timestamp() * 1000)


def read_feedback(releases_uri: str, name: str) -> tuple[Rows, int]:
    """Read the rows of `<releases_uri>/<name>/feedback/*.parquet` in the order of their labels' times, and count the
    files. Columns other than text, label and at are ignored.

    Raises:
        DataError: a file is not a Parquet file, or a row's text or label is missing; names the file and the row.
    """
    files = list_files(f"{releases_uri.rstrip('/')}/{name}/feedback", ".parquet")
    read = [read_labelled(file) for file in files]
    texts = [text for rows in read for text in rows.texts]
    labels = np.concatenate([np.empty(0, dtype=np.int64), *(rows.labels for rows in read)])
    times = [read_times(file, len(rows)) for file, rows in zip(files, read, strict=True)]
    order = np.argsort(np.concatenate([np.empty(0, dtype=np.int64), *times]), kind="stable")
    return Rows(texts, labels).take(order), len(files)


def mix(parts: Parts, feedback: Rows, files: int) -> Parts:
    """Add feedback to the training rows.

    Of rows with the same text (compared as in `merge_copies`) the last one counts. A text of the test or the validation
    part is left out, whether or not the file has it: it must not be trained on, now or after it is added to the file. A
    text among the training rows gets the label of the feedback; any other text is added.

    Args:
        feedback: the oldest row first.
        files: number of files that the feedback was read from.

    Raises:
        DataError: no row of a class is left.
    """
    newest = {text_hash(text): place for place, text in enumerate(feedback.texts)}
    tested, validated = ({text_hash(text) for text in rows.texts} for rows in (parts.test, parts.validation))
    trained = {text_hash(text): place for place, text in enumerate(parts.train.texts)}
    labels, added = parts.train.labels.copy(), []
    in_test = in_validation = relabelled = 0
    for key, place in newest.items():
        label = feedback.labels[place]
        part = part_of(feedback.texts[place], test_file=not parts.test_held_out)
        if key in tested or part == "test":
            in_test += 1
        elif key in validated or part == "validation":
            in_validation += 1
        elif key not in trained:
            added.append(place)
        elif labels[trained[key]] != label:
            labels[trained[key]] = label
            relabelled += 1
    more = feedback.take(added)
    train = Rows([*parts.train.texts, *more.texts], np.concatenate([labels, more.labels]))
    need_both_classes(train, "the training set, with its feedback,")
    counts = FeedbackCounts(
        feedback_files=files,
        feedback_rows=len(feedback),
        feedback_repeats=len(feedback) - len(newest),
        feedback_in_test=in_test,
        feedback_in_validation=in_validation,
        feedback_added=len(more),
        feedback_relabelled=relabelled,
    )
    return replace(parts, train=train, feedback=counts)
