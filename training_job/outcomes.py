"""Results of a training and of a search."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sentiment_common.errors import UserError
from sentiment_common.intervals import Interval
from training_job.measure.gate import Gate
from training_job.promotion.promote import Promotion


@dataclass(frozen=True)
class SearchOutcome:
    """Result of a search: of this call and earlier ones together.

    Attributes:
        best_loss, best_accuracy: of the best trial, on all validation rows.
        best: its settings by name, for `TrainSettings.model_copy(update=…)`.
        done, pruned, failed: trials by their end; `done` counts those that ran to it.
        run_id: the MLflow run that the trials' runs stand under; None without an MLflow.
    """

    study: str
    study_uri: str
    best_trial: int
    best_loss: float
    best_accuracy: float
    best: dict[str, Any]
    done: int
    pruned: int
    failed: int
    run_id: str | None


@dataclass(frozen=True)
class TrainOutcome:
    """Result of a training.

    Attributes:
        metrics: of the release's default variant on the test rows, with 95 % intervals.
        seconds: load, search (where there was one), train (evaluation apart), evaluation, release.
        run_id: of MLflow's run; None without an MLflow.
        registry_version: the model version that carries the alias `challenger`; None with `registry_problem`, and
            without an MLflow.
        gate, promotion: with AUTO_PROMOTE the verdict, and what followed when it passed.
        promotion_problem: why a release that passed was not promoted; it is published all the same.
        missing: parts that the release does without because they could not be made, and the reasons.
    """

    release_id: str
    release_uri: str
    run_id: str | None
    default_variant: str
    metrics: dict[str, Interval]
    seconds: dict[str, float]
    registry_version: str | None = None
    registry_problem: str | None = None
    search: SearchOutcome | None = None
    gate: Gate | None = None
    promotion: Promotion | None = None
    promotion_problem: UserError | None = None
    missing: Mapping[str, str] = field(default_factory=dict)
