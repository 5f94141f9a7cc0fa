"""The lines of a training's stages."""

import io

import pytest
from rich.console import Console

from training_job.progress import Progress


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (KeyboardInterrupt(), "train: interrupted after 0 s"),
        (SystemExit(143), "train: interrupted after 0 s"),
        (ValueError("bad rows"), "train: stopped after 0 s"),
    ],
)
def test_a_stage_that_did_not_end_is_not_shown_as_done(error: BaseException, line: str) -> None:
    printed = io.StringIO()
    with pytest.raises(type(error)), Progress(Console(file=printed)) as progress:
        progress.begin("load")
        progress.begin("train")
        raise error
    assert printed.getvalue().splitlines() == ["load: 0 s", line]
