"""Temperature scaling: it finds the temperature that made the labels, and leaves the model alone when it cannot know."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from training_job.errors import Diverged
from training_job.measure.calibrate import HIGHEST, LOWEST, fit_temperature, negative_log_likelihood


def _made(temperature: float, rows: int = 20_000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    margins = rng.normal(0, 4, rows)
    return margins, (rng.random(rows) < 1 / (1 + np.exp(-margins / temperature))).astype(int)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_it_recovers_the_temperature_behind_the_labels(temperature: float) -> None:
    assert fit_temperature(*_made(temperature)) == pytest.approx(temperature, rel=0.05)


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.floats(0.4, 6), st.integers(20, 300))
def test_no_nearby_temperature_is_more_likely(seed: int, temperature: float, rows: int) -> None:
    margins, labels = _made(temperature, rows, seed)
    assume(0 < labels.sum() < rows and not ((margins > 0) == (labels == 1)).all())
    found = fit_temperature(margins, labels)
    assert LOWEST * 0.99 <= found <= HIGHEST * 1.01
    best = negative_log_likelihood(margins, labels, found)
    for other in (found * 0.97, found * 1.03, 1.0):
        if LOWEST <= other <= HIGHEST:
            assert best <= negative_log_likelihood(margins, labels, other) + 1e-7


def test_a_model_worse_than_chance_ends_at_the_upper_bound() -> None:
    margins, labels = _made(1.0, 500)
    assert fit_temperature(margins, 1 - labels) == pytest.approx(HIGHEST, rel=0.01)


@pytest.mark.parametrize(
    ("margins", "labels"),
    [
        ([], []),
        ([1.0, -1.0, 2.0], [0, 0, 1]),
        ([1.0] * 50, [0, 1] * 25),
        (list(np.linspace(-2, 2, 50)), [1] * 50),
        (list(np.linspace(-2, 2, 50)), [0] * 25 + [1] * 25),
    ],
    ids=["nothing", "few rows", "one margin", "one class", "all answered rightly"],
)
def test_without_evidence_the_model_is_left_as_it_is(margins: list[float], labels: list[int]) -> None:
    assert fit_temperature(np.array(margins), np.array(labels)) == 1.0


def test_a_diverged_model_is_refused() -> None:
    with pytest.raises(Diverged, match="answers are NaN or infinite"):
        fit_temperature(np.array([np.nan] * 30), np.array([0, 1] * 15))
    with pytest.raises(ValueError, match="3 margins but 2 labels"):
        fit_temperature(np.zeros(3), np.zeros(2))
