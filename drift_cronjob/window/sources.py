"""Where the compared rows come from: a release's reference sample and a window of the prediction log."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from drift_cronjob.errors import DriftError, NothingServed
from drift_cronjob.statistics.statistic import FloatArray
from drift_cronjob.window.sample import Sample, first_copies
from model_release import Manifest, ReleaseStore
from model_release.reference import REFERENCE, Reference, read_reference
from model_release.scoring.features import DESCRIPTORS

if TYPE_CHECKING:
    from prediction_log import Window


@dataclass(frozen=True, slots=True)
class Traffic:
    """One window of one release: the sampled rows for the tests, and facts about all rows.

    `rows` are all logged rows of the release in the window, `read` those sampled, `sample` the different texts among
    these, `time` their times; `other_releases` counts the rows that the model's other releases answered meanwhile,
    `foreign_rows` those of releases that the store does not have for this model;
    `feedback_correct` has one entry for each answer whose true label was given in the window.
    """

    start: datetime
    end: datetime
    rows: int
    read: int
    sample: Sample
    time: npt.NDArray[np.datetime64]
    feedback_correct: npt.NDArray[np.bool_]
    other_releases: dict[str, int] = field(default_factory=dict)
    foreign_rows: int = 0


def choose_release(
    store: ReleaseStore, name: str, wanted: str | None, releases: Collection[str], served: Callable[[], dict[str, int]]
) -> str:
    """The release to check: the wanted one, the champion, or before the first promotion the one that answered most.

    Args:
        releases: the model's releases; the log may hold rows of other models.
        served: rows of the window by release id.

    Raises:
        NothingServed: no release was promoted, and none has answered.
        DriftError: releases have answered, and the store has none of the model.
        ReleaseNotFound: nothing has that id.
    """
    if wanted:
        return store.resolve(name, wanted)
    champion = store.champion(name)
    if champion is not None:
        return champion.id
    answered = served()
    by_release = {release_id: rows for release_id, rows in answered.items() if release_id in releases}
    if answered and not releases:
        raise DriftError(
            f"there is no release of {name!r} in {store.base}, while {len(answered)} releases have answered in this "
            "window; check RELEASES_URI and MODEL_NAME"
        )
    if not by_release:
        raise NothingServed(
            f"no release of {name!r} has been promoted in {store.base} and none has answered in this window: promote "
            "one (sentiment promote ID) or name one with --release"
        )
    return store.resolve(name, max(by_release, key=lambda release_id: by_release[release_id]))


def fetch_reference(store: ReleaseStore, manifest: Manifest, cache: Path) -> Reference:
    """The release's reference sample, downloaded to `cache` and verified.

    Raises:
        DriftError: the release was published without one.
        ReleaseCorrupt: it differs from the manifest's sha256, or is not a reference.
    """
    if not any(entry.path == REFERENCE for entry in manifest.files):
        raise DriftError(
            f"release {manifest.release_id} has no {REFERENCE}, so there is nothing to compare traffic with: "
            "train and publish a release that has one, or check another with --release"
        )
    folder = store.fetch(manifest.name, manifest.release_id, cache, only=(REFERENCE,))
    return read_reference(folder / REFERENCE)


def reference_sample(reference: Reference, decision_threshold: float) -> Sample:
    """The reference's different texts as the release answered them."""
    probability = reference.probability.astype(np.float64)
    label = (probability >= decision_threshold).astype(np.int8)
    return Sample(
        descriptors=np.asarray(reference.descriptors, dtype=np.float64),
        sketch=reference.sketch.astype(np.float64),
        margin=reference.margin.astype(np.float64),
        probability=probability,
        confidence=np.where(label == 1, probability, 1 - probability),
        label=label,
        true_label=reference.label.astype(np.int8),
    ).take(first_copies(reference.text_hash))


def _descriptor_rows(rows: "list[dict[str, float] | None]") -> FloatArray:
    columns = np.full((len(rows), len(DESCRIPTORS)), np.nan)
    for index, row in enumerate(rows):
        if row is not None:
            columns[index] = [row.get(name, np.nan) for name in DESCRIPTORS]
    return columns


def window_sample(window: "Window", count_repeats: bool) -> tuple[Sample, npt.NDArray[np.datetime64]]:
    """The window's different texts (all rows with `count_repeats`) and their times."""
    sample = Sample(
        descriptors=_descriptor_rows(window.descriptors),
        sketch=window.sketch.astype(np.float64),
        margin=window.margin.astype(np.float64),
        probability=window.probability.astype(np.float64),
        confidence=window.confidence.astype(np.float64),
        label=window.label.astype(np.int8),
        true_label=np.full(len(window.ids), -1, dtype=np.int8),
    )
    if count_repeats:
        return sample, window.time
    rows = first_copies(window.text_hash)
    return sample.take(rows), window.time[rows]


def read_traffic(
    url: str,
    start: datetime,
    end: datetime,
    release_id: str,
    releases: Collection[str],
    *,
    max_rows: int,
    seed: int,
    count_repeats: bool,
) -> Traffic:
    """Read a release's window and the feedback given in it from the prediction log.

    Args:
        releases: the model's releases; the log may hold rows of other models.

    Raises:
        LogError: the database cannot be reached, or has no such tables.
    """
    from prediction_log import WindowReader

    reader = WindowReader(url)
    window = reader.read(start, end, release_id=release_id, max_rows=max_rows, seed=seed)
    by_release = dict(reader.summary(start, end).by_release)
    feedback = reader.feedback(start, end, release_id)
    sample, time = window_sample(window, count_repeats)
    others = {other: rows for other, rows in by_release.items() if other in releases and other != release_id}
    foreign = sum(rows for other, rows in by_release.items() if other not in releases)
    return Traffic(
        start=start,
        end=end,
        rows=window.total_rows,
        read=len(window.ids),
        sample=sample,
        time=time,
        feedback_correct=np.asarray(feedback.label == feedback.true_label, dtype=np.bool_),
        other_releases=others,
        foreign_rows=foreign,
    )
