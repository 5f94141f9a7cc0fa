"""What comes out of the engine for a text: computed for a whole batch at once, where numpy's calls cost least."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from model_release import Encoding, Scorer
from model_release.engine import FloatArray
from model_release.features import sketch


class Outcome(NamedTuple):
    """The answer for one text: the margin (uncalibrated), the calibrated P(positive), the label's index, the confidence
    in it, and the sketch of the embedding as the prediction log keeps it (64 little-endian float16)."""

    margin: float
    probability: float
    label: int
    confidence: float
    sketch: bytes


class Row(NamedTuple):
    """One encoding's outcome, and what it was made of: logits f32[2], embedding f32[h]."""

    outcome: Outcome
    logits: FloatArray
    embedding: FloatArray


def outcomes(scorer: Scorer, logits: FloatArray, embedding: FloatArray) -> list[Outcome]:
    """The outcomes of n rows: logits f32[n, 2], embedding f32[n, h]."""
    columns = (column.tolist() for column in scorer.finish(logits))
    # One row at a time: a product of several makes the threads of numpy's BLAS spin beside the engine's, on its cores.
    sketches = (sketch(row).astype("<f2").tobytes() for row in embedding[:, None])
    return [Outcome(*values) for values in zip(*columns, sketches, strict=True)]


def run(scorer: Scorer, encodings: Sequence[Encoding]) -> list[Row]:
    """Run the engine on one batch; a row for each encoding."""
    logits, embedding = scorer.forward(encodings)
    return [Row(*parts) for parts in zip(outcomes(scorer, logits, embedding), logits, embedding, strict=True)]


def pooled(scorer: Scorer, windows: Sequence[Row]) -> Outcome:
    """The outcome of a text that was read in windows.

    The mean of logits is the logarithmic opinion pool of the windows (Genest and Zidek, 1986): with one temperature for
    all, calibrating the mean equals pooling the calibrated windows. A mean of probabilities would let a window without
    opinion weigh as much as one that is sure.
    """
    if len(windows) == 1:
        return windows[0].outcome
    logits, embedding = (
        np.stack(part) for part in ([row.logits for row in windows], [row.embedding for row in windows])
    )
    (outcome,) = outcomes(scorer, *(part.mean(axis=0, keepdims=True) for part in (logits, embedding)))
    return outcome
