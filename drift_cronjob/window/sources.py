"""Read the rows to compare: a release's reference sample and a window of the prediction log."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from drift_cronjob.errors import DriftError, NothingServed
from drift_cronjob.settings import DriftSettings
from drift_cronjob.statistics.statistic import FloatArray
from drift_cronjob.window.sample import Sample, first_copies
from model_release import Manifest, ReleaseStore
from model_release.reference import REFERENCE, Reference, read_reference
from model_release.scoring.features import DESCRIPTORS
from prediction_log import Window, WindowReader


@dataclass(frozen=True, slots=True)
class Traffic:
    """One window of one release: the sampled rows for the tests, and facts about all rows.

    Attributes:
        rows: number of the release's logged rows in the window.
        read: number of rows that were sampled.
        sample: the different texts among the sampled rows.
        time: when each text of `sample` was answered.
        feedback_correct: for each answer whose true label was given in the window, whether it was right.
        other_releases: rows that the model's other releases answered in the window, by release.
        foreign_rows: number of rows of releases that the store does not have for this model.
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
    """Return the id of the release to check: the wanted release, or the champion. Before the first promotion, the
    release with the most answers is checked.

    Args:
        releases: the model's releases; the log may hold rows of other models.
        served: returns the window's rows by release id.

    Raises:
        NothingServed: no release was promoted, and no release has answered.
        DriftError: releases have answered, but the store has no release of the model.
        ReleaseNotFound: no release has the wanted id.
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
            f"no release of {name!r} exists in {store.base}, but {len(answered)} releases have answered in this "
            "window; check RELEASES_URI and MODEL_NAME"
        )
    if not by_release:
        raise NothingServed(
            f"no release of {name!r} has been promoted in {store.base}, and none has answered in this window; promote "
            "a release (sentiment promote ID) or name one with --release"
        )
    return store.resolve(name, max(by_release, key=lambda release_id: by_release[release_id]))


def fetch_reference(store: ReleaseStore, manifest: Manifest, cache: Path) -> Reference:
    """Download the release's reference sample to `cache`, verify it and return it.

    Raises:
        DriftError: the release was published without a reference.
        ReleaseCorrupt: the file differs from the manifest's sha256, or is not a reference.
    """
    if not any(entry.path == REFERENCE for entry in manifest.files):
        raise DriftError(
            f"release {manifest.release_id} has no {REFERENCE} to compare traffic with; train and publish a release "
            "that has one, or check another release with --release"
        )
    folder = store.fetch(manifest.name, manifest.release_id, cache, only=(REFERENCE,))
    return read_reference(folder / REFERENCE)


def reference_sample(reference: Reference, decision_threshold: float) -> Sample:
    """Return the reference's different texts with the release's answers."""
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


def _descriptor_rows(rows: list[dict[str, float] | None]) -> FloatArray:
    columns = np.full((len(rows), len(DESCRIPTORS)), np.nan)
    for index, row in enumerate(rows):
        if row is not None:
            columns[index] = [row.get(name, np.nan) for name in DESCRIPTORS]
    return columns


def window_sample(window: Window, count_repeats: bool) -> tuple[Sample, npt.NDArray[np.datetime64]]:
    """Return the window's different texts (every row with `count_repeats`) and their times."""
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
    settings: DriftSettings,
    log: WindowReader,
    start: datetime,
    end: datetime,
    release_id: str,
    releases: Collection[str],
) -> Traffic:
    """Read a release's window, and the feedback that was given in it.

    Args:
        releases: the model's releases; the log may hold rows of other models.

    Raises:
        LogError: the database cannot be reached, or its tables are missing.
    """
    window = log.read(start, end, release_id=release_id, max_rows=settings.max_rows, seed=settings.seed)
    by_release = dict(log.summary(start, end).by_release)
    feedback = log.feedback(start, end, release_id)
    sample, time = window_sample(window, settings.count_repeats)
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
