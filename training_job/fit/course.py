"""The course of a training as plain figures, which a checkpoint can hold."""

import resource
import sys
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

import numpy as np

CURVE_POINTS = 100

Curves = dict[str, list[tuple[float, float]]]


@dataclass(frozen=True)
class Validation:
    """Figures of the evaluation at `step`.

    Attributes:
        accuracy: share of right answers.
        loss: mean negative log likelihood.
        calibrated_loss: the same at the temperature that minimises it on these rows. It judges what a release answers,
            since releases are calibrated. Unlike the plain loss it does not punish overconfidence, and it is less noisy
            than accuracy.
    """

    step: int
    steps: int
    accuracy: float
    loss: float
    calibrated_loss: float


@dataclass(frozen=True)
class Fitted:
    """Result of a training; the network has the weights of `best`.

    Attributes:
        rows, tokens: numbers of rows and tokens trained on; tokens include padding.
        train_seconds: time of the optimiser steps, without evaluation, over all runs of a resumed training.
        curves: name → (step, value) points, at most about 100 each.
        ended: time of the end, ISO in UTC.
        peak_memory_mib: largest memory of the process until then.
    """

    best: Validation
    last: Validation
    steps: int
    rows: int
    tokens: int
    train_seconds: float
    evaluation_seconds: float
    curves: Curves
    ended: str
    peak_memory_mib: float


def peak_memory_mib() -> float:
    """Return the largest memory of this process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


@dataclass
class Course:
    """A training after `step` of `steps` steps.

    Attributes:
        recent: training losses since the last point of the loss curve; their mean is the next point.
        ended: None until the last evaluation.
    """

    steps: int
    step: int = 0
    rows: int = 0
    tokens: int = 0
    train_seconds: float = 0.0
    evaluation_seconds: float = 0.0
    best: Validation | None = None
    last: Validation | None = None
    curves: Curves = field(default_factory=dict)
    recent: list[float] = field(default_factory=list)
    ended: str | None = None
    peak_memory_mib: float = 0.0

    def _add(self, name: str, value: float) -> None:
        self.curves.setdefault(name, []).append((self.step, value))

    def stepped(self, rows: int, tokens: int, loss: float, seconds: float) -> None:
        """Record an optimiser step."""
        self.step += 1
        self.rows += rows
        self.tokens += tokens
        self.train_seconds += seconds
        self.recent.append(loss)
        if self.step % max(1, self.steps // CURVE_POINTS) == 0 or self.step == self.steps:
            self._add("train_loss", float(np.mean(self.recent)))
            self.recent.clear()

    def evaluated(self, validation: Validation, seconds: float) -> bool:
        """Record an evaluation after the last step; return whether it is the best so far."""
        self.last = validation
        self.evaluation_seconds += seconds
        for name in ("loss", "calibrated_loss", "accuracy"):
            self._add(f"validation_{name}", getattr(validation, name))
        if self.best is not None and validation.calibrated_loss > self.best.calibrated_loss:
            return False
        self.best = validation
        return True

    def end(self) -> None:
        """Record the time and the memory at the end, so that a release made after a resume has the same figures."""
        self.ended = datetime.now(UTC).isoformat(timespec="seconds")
        self.peak_memory_mib = peak_memory_mib()

    def record(self) -> dict[str, Any]:
        """Return the course for `of_record`; figures survive JSON to the last bit."""
        return asdict(self)

    @classmethod
    def of_record(cls, record: dict[str, Any]) -> Self:
        """Restore a course from `record`, also after JSON has turned its tuples into lists.

        Raises:
            TypeError: the record has another form.
        """
        validations = {name: Validation(**record[name]) if record[name] else None for name in ("best", "last")}
        curves = {name: [(step, value) for step, value in points] for name, points in record["curves"].items()}
        return cls(**record | validations | {"curves": curves})

    def fitted(self) -> Fitted:
        """Return the result of the finished course."""
        assert self.best is not None and self.last is not None and self.ended is not None  # the last step is evaluated
        return Fitted(
            self.best, self.last, self.steps, self.rows, self.tokens, self.train_seconds, self.evaluation_seconds,
            self.curves, self.ended, self.peak_memory_mib,
        )  # fmt: skip
