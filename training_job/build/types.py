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
from training_job.measure.evaluate import Evaluation

CARD_PAGE = "the card's page"  # name among the missing parts


@dataclass(frozen=True)
class ReleaseInputs:
    """Inputs of a release.

    Attributes:
        model: a `DistilBertForSequenceClassification` with fp32 weights.
        train: rows that the network was trained on; they also calibrate int8 and train the baseline.
        validation: held-out rows that fit the temperature.
        test: held-out rows for all figures.
        created_at: ISO in UTC; equal inputs with an equal time give the same release to the last byte.
        facts: facts of the training for the manifest and the card.
        curves: name → (step, value) points for the card; names that contain "loss" share a panel.
        watched_rows: rows behind each point of the curve `validation_accuracy`; 0 if unknown.
        compare_rows: number of test rows on which int8 is compared with fp32.
        calibration_rows: number of training rows that int8 is calibrated on.
        threads: engine threads; 0 means the CPU quota.
        on_stage: receives each stage's name and its number of rows (None if not counted).
        on_progress: receives the number of rows done since the last call.
        inherited: hashes of the texts that the base was made from, if it is a release's network.
        known_new: hashes of the only texts known to be new to the base, if its record is incomplete.
        say: receives a line for each optional part that could not be made; None logs the line.
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
    """A whole release folder, ready for `ReleaseStore.publish(folder, manifest)`, and its figures.

    Attributes:
        page: None if it could not be made.
        plots: the pictures that could be made.
        missing: the reason by the name of each part that could not be made.
    """

    folder: Path
    manifest: Manifest
    evaluation: Evaluation
    plots: dict[str, Path]
    card: Path
    page: Path | None
    missing: Mapping[str, str]
