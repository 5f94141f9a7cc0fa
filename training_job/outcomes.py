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
    """Result of a search, this call and earlier ones together.

    Attributes:
        best_loss, best_accuracy: figures of the best trial on all validation rows.
        best: settings of that trial by name, for `TrainSettings.model_copy(update=…)`.
        done, pruned, failed: numbers of trials that were completed, pruned, and that diverged.
        run_id: the parent of the trials' MLflow runs; None without MLflow.
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
        metrics: figures of the default variant on the test rows, with 95 % intervals.
        seconds: time of load, search (with OPTIMIZE), train (without evaluation), evaluation and release.
        run_id: the MLflow run; None without MLflow.
        registry_version: the model version that carries the alias `challenger`; None with a
            `registry_problem` and without MLflow.
        gate, promotion: with AUTO_PROMOTE the gate's verdict, and the promotion of a release that passed.
        promotion_problem: why the published release could not be promoted although the gate passed.
        missing: the reason by the name of each optional part that could not be made.
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
