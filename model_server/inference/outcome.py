"""Outcome of the engine for a text."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from model_release import Encoding, Scorer
from model_release.scoring.engine import FloatArray


class Outcome(NamedTuple):
    """The answer for one text: the margin (uncalibrated), the calibrated P(positive), the label's index, the confidence
    in it, and the embedding f32[h], of which the prediction log keeps a sketch."""

    margin: float
    probability: float
    label: int
    confidence: float
    embedding: FloatArray

    def alone(self) -> "Outcome":
        """Return the outcome with a copied embedding, which does not keep those of the batch in memory."""
        return self._replace(embedding=self.embedding.copy())


class Row(NamedTuple):
    """Outcome of one encoding, and its logits f32[2]."""

    outcome: Outcome
    logits: FloatArray


def outcomes(scorer: Scorer, logits: FloatArray, embedding: FloatArray) -> list[Outcome]:
    """Return the outcomes of n rows: logits f32[n, 2], embedding f32[n, h]."""
    return [Outcome(*judgement, row) for judgement, row in zip(scorer.finish(logits), embedding, strict=True)]


def run(scorer: Scorer, encodings: Sequence[Encoding]) -> list[Row]:
    """Run the engine on one batch; return a row for each encoding."""
    logits, embedding = scorer.forward(encodings)
    return [Row(*parts) for parts in zip(outcomes(scorer, logits, embedding), logits, strict=True)]


def pooled(scorer: Scorer, windows: Sequence[Row]) -> Outcome:
    """Return the outcome of a text that was read in windows.

    The mean of logits is the logarithmic opinion pool of the windows (Genest and Zidek, 1986): with one temperature for
    all, calibrating the mean equals pooling the calibrated windows. In a mean of
    probabilities an undecided window would weigh as much as a certain one.
    """
    if len(windows) == 1:
        return windows[0].outcome
    logits, embeddings = [row.logits for row in windows], [row.outcome.embedding for row in windows]
    (outcome,) = outcomes(scorer, *(np.mean(part, axis=0, keepdims=True) for part in (logits, embeddings)))
    return outcome
