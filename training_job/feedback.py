"""True labels that came back from use, mixed into the rows of a training."""

from dataclasses import replace

import numpy as np

from model_release.features import text_hash
from training_job.data import FeedbackCounts, Parts, Rows, need_both_classes
from training_job.reading import read_labelled
from training_job.remote import list_files
from training_job.split import part_of


def read_feedback(releases_uri: str, name: str) -> tuple[Rows, int]:
    """The rows of `<releases_uri>/<name>/feedback/*.parquet` (columns text and label; others are not looked at), the
    oldest file first, and how many files there are.

    A file's name begins with the time at which its window ended.

    Raises:
        DataError: a file is no Parquet file, or a row's text or label is none; names the file and the row.
    """
    files = list_files(f"{releases_uri.rstrip('/')}/{name}/feedback", ".parquet")
    read = [read_labelled(file) for file in files]
    texts = [text for rows in read for text in rows.texts]
    labels = np.concatenate([np.empty(0, dtype=np.int64), *(rows.labels for rows in read)])
    return Rows(texts, labels), len(files)


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
