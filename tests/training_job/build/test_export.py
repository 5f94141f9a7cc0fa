"""The export leaves the process as it was."""

import logging
from pathlib import Path

import pytest
from kit.factories import make_model, make_tokenizer

from training_job.build.export import export_openvino


def test_a_failed_export_leaves_the_root_logger_as_it_was(tmp_path: Path) -> None:
    """Warnings of the rest of the process went missing after one."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no memory is left")

    model = make_model(make_tokenizer(tmp_path / "tokenizer.json"))
    model.distilbert.forward = fail
    root = logging.getLogger()
    before = root.level, root.filters[:], root.handlers[:]
    with pytest.raises(Exception, match="no memory is left"):
        export_openvino(model, tmp_path / "ir")
    assert (root.level, root.filters, root.handlers) == before
    assert not (tmp_path / "ir").exists()
