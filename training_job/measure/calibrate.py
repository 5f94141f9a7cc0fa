"""Temperature scaling (Guo et al., 2017): one number that matches confidence to the share of right answers."""

import math

import numpy as np
import numpy.typing as npt

from training_job.errors import Diverged

MIN_ROWS = 20
LOWEST, HIGHEST = 0.2, 10.0


def negative_log_likelihood(
    margins: npt.NDArray[np.floating], labels: npt.NDArray[np.integer], temperature: float
) -> float:
    """Return the mean negative log likelihood of labels i[n] under sigmoid(margin / temperature)."""
    signed = np.where(np.asarray(labels) == 1, margins, -np.asarray(margins)).astype(np.float64)
    return float(np.logaddexp(0.0, -signed / temperature).mean())


def fit_temperature(margins: npt.NDArray[np.floating], labels: npt.NDArray[np.integer]) -> float:
    """Return the temperature in [0.2, 10] that minimises the negative log likelihood on held-out rows.

    Args:
        margins: positive minus negative logit, f[n], of rows that were not trained on.
        labels: 0 or 1, i[n].

    The likelihood has a single optimum in 1 / temperature. The result is 1, which changes nothing, with fewer than 20
    rows, with one class only, when all margins are equal, and when every row is answered rightly: there the likelihood
    would grow without limit.

    Raises:
        Diverged: a margin is not finite.
        ValueError: arrays of different lengths.
    """
    from scipy.optimize import minimize_scalar

    values = np.asarray(margins, dtype=np.float64)
    truth = np.asarray(labels)
    if values.shape != truth.shape:
        raise ValueError(f"{values.size} margins but {truth.size} labels")
    if not np.isfinite(values).all():
        raise Diverged("the model's answers are NaN or infinite; lower LEARNING_RATE")
    separated = bool(((values > 0) == (truth == 1)).all())
    if values.size < MIN_ROWS or separated or np.ptp(truth) == 0 or np.ptp(values) == 0:
        return 1.0
    found = minimize_scalar(
        lambda logarithm: negative_log_likelihood(values, truth, math.exp(logarithm)),
        bounds=(math.log(LOWEST), math.log(HIGHEST)),
        method="bounded",
        options={"xatol": 1e-4},
    )
    return round(math.exp(float(found.x)), 4)
