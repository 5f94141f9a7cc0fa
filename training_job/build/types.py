"""Inputs and result of a build."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from model_release import Manifest
from model_release.manifest import Fact, Truncation
from model_release.seen import Keys
from training_job.card import findings
from training_job.data.rows import Rows
from training_job.measure.baseline import Baseline
from training_job.measure.evaluate import Evaluation
from training_job.measure.quantisation import Comparison, Decision

CARD_PAGE = "the card's page"  # its name among the parts that are missing


@dataclass(frozen=True)
class ReleaseInputs:
    """What a release is made of.

    Attributes:
        model: a `DistilBertForSequenceClassification` with fp32 weights.
        train: the rows that the network was trained on (they also calibrate int8 and train the baseline).
        validation: held-out rows that fit the temperature.
        test: held-out rows that measure.
        created_at: ISO in UTC; the same inputs with the same time give the same release to the last byte.
        facts: what the caller knows of the training; they stand in the manifest and the card.
        curves: name → (step, value) points, drawn in the card; names that hold "loss" share a panel.
        watched_rows: rows that each point of the curve `validation_accuracy` counted; 0 where that is not known.
        compare_rows: test rows on which int8 is compared with fp32.
        calibration_rows: training rows that int8 is calibrated on.
        threads: engine threads, 0 for the CPU quota.
        on_stage: told each stage's name and its number of rows (None where it has no count).
        on_progress: told how many rows of the stage were done since the last call.
        inherited: hashes of the texts that the base had seen, where it is a release's network.
        known_new: hashes of the only texts known to be new to the base, where its record is incomplete.
        say: told of each part that a release can do without and that could not be made; logged when None.
    """

    model: Any
    tokenizer_json: Path
    name: str
    base_model: str
    max_tokens: int
    truncation: Truncation
    train: Rows
    validation: Rows
    test: Rows
    data_fingerprint: str
    work_dir: Path
    created_at: str
    git_commit: str | None = None
    mlflow_run_id: str | None = None
    facts: Mapping[str, Fact] = field(default_factory=dict)
    curves: findings.Curves = field(default_factory=dict)
    watched_rows: int = 0
    compare_rows: int = 2000
    calibration_rows: int = 300
    threads: int = 0
    seed: int = 0
    on_stage: Callable[[str, int | None], None] | None = None
    on_progress: Callable[[int], None] | None = None
    inherited: Keys | None = None
    known_new: Keys | None = None
    say: Callable[[str], None] | None = None


@dataclass(frozen=True)
class BuiltRelease:
    """A whole release folder, ready for `ReleaseStore.publish(folder, manifest)`, and what was measured on the way.

    Attributes:
        baseline, comparison, plots, page: None, and without a picture, where it could not be made.
        missing: the reason for each of those.
    """

    folder: Path
    manifest: Manifest
    evaluation: Evaluation
    baseline: Baseline | None
    comparison: Comparison | None
    decision: Decision
    plots: dict[str, Path]
    card: Path
    page: Path | None
    missing: Mapping[str, str]
