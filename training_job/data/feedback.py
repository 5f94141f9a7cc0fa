"""True labels that came back from use, mixed into the rows of a training."""

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
    """When each row's label was given, in milliseconds since 1970: by the column `at`; without one by the time with
    which the file's name begins (the end of its export), or as the first of all.

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
    """The rows of `<releases_uri>/<name>/feedback/*.parquet` (columns text, label and at; others are not looked at) in
    the order in which the labels were given, and how many files there are.

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
    """The parts with feedback among the training rows.

    Of rows with one text (compared as `merge_copies` does) the last row counts. A text that belongs to the test or the
    validation part is left out, whether or not it stands in the file: it must not be trained on, now or when it joins
    the file later. A text that stands among the training rows takes the label of the feedback; each other text is
    added.

    Args:
        feedback: the oldest row first.
        files: how many files it stood in.

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
