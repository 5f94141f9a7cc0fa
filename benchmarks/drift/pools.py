"""Scored pools of texts for the drift benchmark: read once, scored once, kept in a cache."""

import csv
import gzip
import hashlib
import io
from dataclasses import fields
from pathlib import Path

import numpy as np
from rich.progress import Progress

from drift_cronjob.window.sample import Sample
from model_release import Scorer
from model_release.scoring.features import DESCRIPTORS, describe, sketch

CACHE = Path("var/benchmarks")


def read_rows(path: Path, limit: int, seed: int) -> tuple[list[str], list[int]]:
    """At most `limit` rows of a CSV with text and label (0 or 1), in a seeded random order."""
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    rows = list(csv.DictReader(io.StringIO(raw.decode(), newline="")))
    order = np.random.default_rng(seed).permutation(len(rows))[:limit]
    return [rows[index]["text"] for index in order], [int(rows[index]["label"]) for index in order]


def match_lengths(
    texts: list[str], labels: list[int], lengths: list[int], count: int, seed: int
) -> tuple[list[str], list[int]]:
    """`count` texts of the same kind as `texts`, as long in words as texts drawn from `lengths`.

    Texts of one label are joined in random order until they are long enough, then cut: what is left of the shift is
    what they say, not how long they are.
    """
    rng = np.random.default_rng(seed)
    by_label = {
        label: [text.split() for text, own in zip(texts, labels, strict=True) if own == label] for label in (0, 1)
    }
    made, kinds = [], []
    for _ in range(count):
        label, wanted = int(rng.choice(labels)), int(rng.choice(lengths))
        words: list[str] = []
        while len(words) < wanted:
            words += by_label[label][int(rng.integers(len(by_label[label])))]
        made.append(" ".join(words[:wanted]))
        kinds.append(label)
    return made, kinds


def scored(scorer: Scorer, name: str, texts: list[str], labels: list[int]) -> Sample:
    """The texts as the release answers them, from the cache if these texts were scored by this release before."""
    digest = hashlib.sha256("\0".join([scorer.release_id, *texts]).encode("utf-8", "replace")).hexdigest()[:16]
    path = CACHE / f"{name}-{digest}.npz"
    if not path.exists():
        with Progress() as bar:
            task = bar.add_task(f"scoring {name}", total=len(texts))
            scores = scorer.score(texts, on_progress=lambda count: bar.update(task, completed=count))
        described = [describe(text) for text in texts]
        sample = Sample(
            descriptors=np.array([[row[column] for column in DESCRIPTORS] for row in described]),
            sketch=sketch(scores.embedding).astype(np.float64),
            margin=scores.margin.astype(np.float64),
            probability=scores.probability.astype(np.float64),
            confidence=scores.confidence.astype(np.float64),
            label=scores.label.astype(np.int8),
            true_label=np.array(labels, dtype=np.int8),
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, **{field.name: getattr(sample, field.name) for field in fields(Sample)})
    with np.load(path) as columns:
        return Sample(**{field.name: columns[field.name] for field in fields(Sample)})


def joined(first: Sample, second: Sample) -> Sample:
    """The rows of both."""
    return Sample(
        **{
            field.name: np.concatenate([getattr(first, field.name), getattr(second, field.name)])
            for field in fields(Sample)
        }
    )
