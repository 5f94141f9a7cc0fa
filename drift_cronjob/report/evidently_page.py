"""Evidently's page on the same rows; the verdict does not depend on it."""

import os
from pathlib import Path

import numpy as np
import pandas as pd

from drift_cronjob.statistics.wording import title
from drift_cronjob.window.sample import Sample
from model_release.scoring.features import DESCRIPTORS

_MAX_ROWS = 5_000  # the page contains every row that it draws


def _frame(sample: Sample) -> pd.DataFrame:
    frame = pd.DataFrame(sample.descriptors, columns=[title(name) for name in DESCRIPTORS])
    frame["Margin"] = sample.margin
    frame["Confidence"] = sample.confidence
    frame["Answer"] = np.where(sample.label == 1, "positive", "negative")
    return frame


def save_evidently_page(reference: Sample, window: Sample, path: Path, seed: int) -> None:
    """Write Evidently's data drift page for descriptors, margin, confidence and answers of both samples."""
    os.environ["DO_NOT_TRACK"] = "1"  # read when Evidently is imported
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    rng = np.random.default_rng(seed)
    frames = [_frame(sample.at_most(_MAX_ROWS, rng)) for sample in (window, reference)]
    # Rows may lack descriptors: leave out a column without values on one side, then rows with gaps.
    filled = [name for name in frames[0].columns if all(frame[name].notna().any() for frame in frames)]
    frames = [frame[filled].dropna() for frame in frames]
    # A column that is constant over both sides has no distribution to draw.
    varying = [name for name in filled if pd.concat([frame[name] for frame in frames]).nunique() > 1]
    definition = DataDefinition(
        numerical_columns=[name for name in varying if name != "Answer"],
        categorical_columns=[name for name in varying if name == "Answer"],
    )
    current, before = (Dataset.from_pandas(frame[varying], data_definition=definition) for frame in frames)
    Report([DataDriftPreset()]).run(current, before).save_html(str(path))
