"""A release's card: its manifest, its text, and its accuracy on the frozen reference sample."""

from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

from model_release import Manifest
from model_release.reference import Reference
from model_release.scoring.features import DESCRIPTORS
from sentiment_common.intervals import Interval, wilson

Bools = npt.NDArray[np.bool_]
BINS = 10
MIN_ROWS_A_BIN = 20


class Confusion(BaseModel):
    """Counts of the reference's rows by true label and answer."""

    true_negative: int
    false_positive: int
    false_negative: int
    true_positive: int


class ReliabilityBin(BaseModel):
    """Rows of similar confidence: their mean confidence, and the share of right answers."""

    rows: int
    confidence: float
    accuracy: Interval


class Slice(BaseModel):
    """Accuracy on a named part of the rows."""

    name: str
    rows: int
    accuracy: Interval


class Measured(BaseModel):
    """Accuracy of the release on its reference: held-out rows that training has not seen."""

    rows: int
    accuracy: Interval
    confusion: Confusion
    reliability: list[ReliabilityBin]
    slices: list[Slice]


class Variant(BaseModel):
    """One way to run the model."""

    name: str
    kind: str
    precision: str


class Card(BaseModel):
    """A release in full. `measured` is null without a reference, and `text` without a card text."""

    id: str
    created: datetime
    base_model: str
    labels: tuple[str, str]
    max_tokens: int
    truncation: str
    variants: list[Variant]
    default_variant: str
    decision_threshold: float
    temperature: float
    git_commit: str | None
    mlflow_run_id: str | None
    data_fingerprint: str
    metrics: dict[str, Interval]
    facts: dict[str, str | int | float | bool | None]
    measured: Measured | None
    text: str | None


def _share(right: Bools) -> Interval:
    return wilson(int(right.sum()), right.size)


def _reliability(confidence: npt.NDArray[np.float64], right: Bools) -> Iterator[ReliabilityBin]:
    """Yield bins of equal mass: most rows have a confidence near 1, so bins of equal width would mostly be empty."""
    bins = int(np.clip(confidence.size // MIN_ROWS_A_BIN, 1, BINS))
    edges = np.unique(np.quantile(confidence, np.linspace(0, 1, bins + 1)))
    which = np.searchsorted(edges[1:-1], confidence, side="left")
    for index in np.unique(which):
        here = which == index
        mean = float(confidence[here].mean())
        yield ReliabilityBin(rows=int(here.sum()), confidence=mean, accuracy=_share(right[here]))


def _parts(reference: Reference) -> Iterator[tuple[str, Bools]]:
    tokens = reference.tokens
    edges = [int(edge) for edge in np.quantile(tokens, [0.25, 0.5, 0.75], method="lower")]
    yield f"up to {edges[0]} tokens", tokens <= edges[0]
    for low, high in pairwise(edges):
        yield f"{low + 1} to {high} tokens", (tokens > low) & (tokens <= high)
    yield f"over {edges[-1]} tokens", tokens > edges[-1]
    yield "cut at the token limit", np.asarray(reference.truncated, dtype=np.bool_)
    for name, words in (
        ("negations", "an English negation"),
        ("html_tags", "HTML tags"),
        ("non_ascii_share", "other letters"),
    ):
        present = reference.descriptors[:, DESCRIPTORS.index(name)] > 0
        yield f"with {words}", present
        yield f"without {words}", ~present


def measure(reference: Reference, threshold: float) -> Measured | None:
    """Measure the release on its reference; a row counts as positive from a calibrated P(positive) of `threshold`.

    Returns None for an empty reference. Empty slices are left out.
    """
    if not len(reference):
        return None
    probability = reference.probability.astype(np.float64)
    truth, answer = reference.label == 1, probability >= threshold
    right = truth == answer
    confidence = np.where(answer, probability, 1 - probability)
    return Measured(
        rows=len(reference),
        accuracy=_share(right),
        confusion=Confusion(
            true_negative=int((~truth & ~answer).sum()),
            false_positive=int((~truth & answer).sum()),
            false_negative=int((truth & ~answer).sum()),
            true_positive=int((truth & answer).sum()),
        ),
        reliability=list(_reliability(confidence, right)),
        slices=[
            Slice(name=name, rows=int(here.sum()), accuracy=_share(right[here]))
            for name, here in _parts(reference)
            if here.any()
        ],
    )


def make_card(release_id: str, manifest: Manifest, reference: Reference | None, text: str | None) -> Card:
    """Build a release's card from its published files."""
    return Card(
        id=release_id,
        created=datetime.fromisoformat(manifest.created_at),
        base_model=manifest.base_model,
        labels=manifest.labels,
        max_tokens=manifest.max_tokens,
        truncation=manifest.truncation,
        variants=[
            Variant(name=name, kind=variant.kind, precision=variant.precision)
            for name, variant in sorted(manifest.variants.items())
        ],
        default_variant=manifest.default_variant,
        decision_threshold=manifest.decision_threshold,
        temperature=manifest.temperature,
        git_commit=manifest.git_commit,
        mlflow_run_id=manifest.mlflow_run_id,
        data_fingerprint=manifest.data_fingerprint,
        metrics=dict(sorted(manifest.metrics.items())),
        facts=dict(sorted(manifest.facts.items())),
        measured=None if reference is None else measure(reference, manifest.decision_threshold),
        text=text,
    )
