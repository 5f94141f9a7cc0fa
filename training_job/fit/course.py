"""The course of a training: what it has seen, how well it did and when, as plain figures that a checkpoint can hold."""

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
    """After an evaluation at `step`: share of right answers, mean negative log likelihood as it is, and the same at the
    temperature that suits these rows best. The last judges what a release will answer, since releases are calibrated:
    unlike the plain loss it does not punish a network for growing too sure, and it is less noisy than accuracy."""

    step: int
    steps: int
    accuracy: float
    loss: float
    calibrated_loss: float


@dataclass(frozen=True)
class Fitted:
    """What a training found; the network holds the weights of `best`.

    Attributes:
        train_seconds: of the optimiser steps, evaluation apart; of a training with pauses, of all its parts.
        rows, tokens: seen in training, tokens with padding.
        curves: name → (step, value) points, each at most about 100.
        ended: when, ISO in UTC.
        peak_memory_mib: of the process, until then.
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
    """The most memory that this process has held so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


@dataclass
class Course:
    """A training after `step` of `steps` steps.

    Attributes:
        recent: the training losses since the last point of their curve, which is their mean.
        ended: None until the last evaluation is made.
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
        """One more step was made."""
        self.step += 1
        self.rows += rows
        self.tokens += tokens
        self.train_seconds += seconds
        self.recent.append(loss)
        if self.step % max(1, self.steps // CURVE_POINTS) == 0 or self.step == self.steps:
            self._add("train_loss", float(np.mean(self.recent)))
            self.recent.clear()

    def evaluated(self, validation: Validation, seconds: float) -> bool:
        """The network was evaluated after the last step; whether it is the best so far."""
        self.last = validation
        self.evaluation_seconds += seconds
        for name in ("loss", "calibrated_loss", "accuracy"):
            self._add(f"validation_{name}", getattr(validation, name))
        if self.best is not None and validation.calibrated_loss > self.best.calibrated_loss:
            return False
        self.best = validation
        return True

    def end(self) -> None:
        """Nothing is left to do; the time and the memory are kept, so that a release made later tells the same."""
        self.ended = datetime.now(UTC).isoformat(timespec="seconds")
        self.peak_memory_mib = peak_memory_mib()

    def record(self) -> dict[str, Any]:
        """All of it, for `of_record`; figures survive JSON to the last bit."""
        return asdict(self)

    @classmethod
    def of_record(cls, record: dict[str, Any]) -> Self:
        """What `record` gave, also after JSON has made lists of its tuples.

        Raises:
            TypeError: it is of another form.
        """
        validations = {name: Validation(**record[name]) if record[name] else None for name in ("best", "last")}
        curves = {name: [(step, value) for step, value in points] for name, points in record["curves"].items()}
        return cls(**record | validations | {"curves": curves})

    def fitted(self) -> Fitted:
        """The whole course, at its end."""
        assert self.best is not None and self.last is not None and self.ended is not None  # the last step is evaluated
        return Fitted(
            self.best, self.last, self.steps, self.rows, self.tokens, self.train_seconds, self.evaluation_seconds,
            self.curves, self.ended, self.peak_memory_mib,
        )  # fmt: skip
