"""Inputs of small releases for tests of their building."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from kit.factories import make_model, make_texts, make_tokenizer
from training_job.build.types import ReleaseInputs
from training_job.data.rows import Rows


def release_inputs(folder: Path, rows: int = 120, **changes: Any) -> ReleaseInputs:
    """The inputs of a release that is built in seconds, from a network of random weights."""
    tokenizer = folder / "tokenizer.json"
    model = make_model(make_tokenizer(tokenizer))
    limited = Tokenizer.from_file(str(tokenizer))
    limited.enable_truncation(8)
    limited.enable_padding(length=8)
    limited.save(str(tokenizer))
    return replace(
        ReleaseInputs(
            model=model,
            tokenizer_json=tokenizer,
            name="sentiment",
            base_model="scratch-tiny",
            max_tokens=48,
            truncation="head_tail",
            train=Rows(*make_texts(rows, 1)),
            validation=Rows(*make_texts(rows // 2, 2)),
            test=Rows(*make_texts(rows, 3)),
            data_fingerprint="ab" * 32,
            created_at="2026-01-01T00:00:00+00:00",
            work_dir=folder / "work",
            git_commit="c0ffee",
            mlflow_run_id="run-1",
            facts={"epochs": 1, "learning_rate": 2e-4},
            curves={"train_loss": [(1, 0.7), (2, 0.6)], "validation_accuracy": [(2, 0.5)]},
            compare_rows=60,
            calibration_rows=20,
            threads=1,
        ),
        **changes,
    )
