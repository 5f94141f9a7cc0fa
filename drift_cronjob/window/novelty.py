"""Novelty of a text: its distance to the nearest texts of the reference. It only ranks texts for display."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
NEIGHBOURS = 5
USUAL_SHARE = 0.95
MOST_REFERENCE = 2000


def _squared(a: Floats, b: Floats) -> Floats:
    found: Floats = (a * a).sum(1)[:, None] - 2 * a @ b.T + (b * b).sum(1)[None, :]
    return np.maximum(found, 0.0)


def _nearest(distances: Floats, neighbours: int) -> Floats:
    """The mean of each row's `neighbours` smallest distances."""
    kept: Floats = np.sqrt(np.partition(distances, neighbours - 1, axis=1)[:, :neighbours])
    return np.asarray(kept.mean(axis=1), dtype=np.float64)


def novelty(reference: Floats, window: Floats, seed: int = 0) -> Floats:
    """Return the novelty of each row of window f64[m, d]; 95 % of the reference's rows f64[n, d] stay below 1.

    The scale comes from the distances within the reference, each row without itself. At most `MOST_REFERENCE` reference
    rows are used, drawn at random. Valid where both sides come from the same projection of the same model.

    Raises:
        ValueError: the reference has no more than `NEIGHBOURS` rows.
    """
    if len(reference) <= NEIGHBOURS:
        raise ValueError(f"the reference has {len(reference)} rows; novelty needs more than {NEIGHBOURS}")
    if len(reference) > MOST_REFERENCE:
        reference = reference[np.random.default_rng(seed).choice(len(reference), MOST_REFERENCE, replace=False)]
    own = _squared(reference, reference)
    np.fill_diagonal(own, np.inf)
    usual = float(np.quantile(_nearest(own, NEIGHBOURS), USUAL_SHARE))
    return _nearest(_squared(window, reference), NEIGHBOURS) / max(usual, 1e-12)
