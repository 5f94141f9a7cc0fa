"""Quantisation: the decision by hand, the choice of rows, and a real network made int8."""

import logging
from collections.abc import Iterator
from pathlib import Path

import nncf
import numpy as np
import openvino as ov
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.factories import make_model, make_texts, make_tokenizer

from model_release import Encoding, OpenVINOEngine
from model_release.scoring.scorer import load_tokenizer, pad
from sentiment_common.intervals import Interval
from training_job.build.export import export_openvino
from training_job.build.quantise import calibration_rows, quantise
from training_job.measure.quantisation import Comparison, choose_default, compare


def _lost(points: float) -> Comparison:
    same = Interval(value=0.99, low=0.98, high=1.0)
    difference = Interval(value=-points / 100, low=-0.1, high=0.1)
    return Comparison(2000, same, difference, difference, 0.2)


@pytest.mark.parametrize(
    ("points_lost", "variant"),
    [
        (0.0, "openvino-int8"),
        (-0.7, "openvino-int8"),
        (0.49, "openvino-int8"),
        (0.5, "openvino-int8"),
        (0.55, "openvino-bf16"),
        (9.0, "openvino-bf16"),
    ],
)
def test_int8_is_served_unless_it_loses_more_than_half_a_point(points_lost: float, variant: str) -> None:
    decision = choose_default(_lost(points_lost))
    assert decision.variant == variant
    assert (f"{abs(points_lost):.2f} points" if points_lost else "exactly as accurate as fp32") in decision.reason
    assert decision.reason.endswith(f"{variant.removeprefix('openvino-')} is served")


def test_a_gain_is_not_reported_as_a_loss() -> None:
    assert "above fp32" in choose_default(_lost(-0.7)).reason
    assert "below fp32" in choose_default(_lost(0.55)).reason


def test_int8_that_gives_up_a_rare_label_is_not_served() -> None:
    """Of 2,000 rows 20 are positive; fp32 finds nine of them, int8 none: 0.45 points of accuracy, 22.5 of balanced."""
    labels = (np.arange(2000) < 20).astype(int)
    full = np.where(np.arange(2000) < 9, 0.9, 0.1)
    decision = choose_default(compare(labels, full, np.full(2000, 0.1)))
    assert decision.variant == "openvino-bf16"
    assert "0.45 points below fp32 on 2,000 test rows, but 22.50 points below fp32 in balanced" in decision.reason
    one = np.where(np.arange(2000) < 8, 0.9, 0.1)  # a single row of the rare label is chance
    assert choose_default(compare(labels, full, one)).variant == "openvino-int8"


def test_comparison_counts_labels_and_accuracy_on_the_same_rows() -> None:
    labels = np.array([1, 1, 0, 0])
    found = compare(labels, np.array([0.9, 0.6, 0.1, 0.4]), np.array([0.8, 0.45, 0.1, 0.3]))
    assert found.rows == 4
    assert found.agreement.value == 0.75
    assert found.accuracy_difference.value == -0.25
    assert found.largest_probability_difference == pytest.approx(0.15)


@given(st.lists(st.integers(2, 512), min_size=1, max_size=200), st.integers(1, 60), st.integers(0, 99))
def test_calibration_rows_are_distinct_and_reach_over_all_lengths(lengths: list[int], count: int, seed: int) -> None:
    chosen = calibration_rows(lengths, count, seed)
    assert len(set(chosen.tolist())) == len(chosen) == min(count, len(lengths))
    if count >= 4 and len(lengths) >= 8:
        picked = np.array(lengths)[chosen]
        assert picked.min() <= np.median(lengths) <= picked.max()
    assert (calibration_rows(lengths, count, seed) == chosen).all()


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Encoding]]:
    """A tiny fp32 IR and 40 encodings."""
    folder = tmp_path_factory.mktemp("ir")
    model = make_model(make_tokenizer(folder / "tokenizer.json"))
    export_openvino(model, folder / "full")
    texts, _ = make_texts(40)
    raw = load_tokenizer(folder / "tokenizer.json").encode_batch(texts)
    return folder / "full", [Encoding(item.ids, len(item.ids), False) for item in raw]


def test_a_quantised_network_is_smaller_and_answers_nearly_alike(
    full: tuple[Path, list[Encoding]], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder, encodings = full
    quantise(folder, tmp_path / "int8", encodings[:20])
    out, _ = capfd.readouterr()
    assert out == ""  # no bars and no log lines of the library's own
    sizes = [(path / "model.bin").stat().st_size for path in (folder, tmp_path / "int8")]
    assert sizes[1] < 0.5 * sizes[0]
    batch = pad(encodings)
    exact, near = (
        OpenVINOEngine(path, precision, threads=1).forward(*batch)
        for path, precision in ((folder, "fp32"), (tmp_path / "int8", "int8"))
    )
    assert near[0].shape == (40, 2)
    assert near[1].shape == exact[1].shape
    assert 0 < np.abs(near[0] - exact[0]).max() < 0.3 * np.ptp(exact[0])


def test_a_quantisation_leaves_the_log_levels_as_they_were(full: tuple[Path, list[Encoding]], tmp_path: Path) -> None:
    """NNCF's own switch mutes all handlers of its logger, those of pytest too: later tests saw no warnings."""
    logger, handler = logging.getLogger(nncf.__name__), logging.NullHandler()
    logger.addHandler(handler)
    before = logger.level, handler.level
    quantise(full[0], tmp_path / "int8", full[1][:5])
    logger.removeHandler(handler)
    assert (logger.level, handler.level) == before


def _products(file: Path) -> Iterator[np.ndarray]:
    """The int8 weights of each product of a matrix with activations."""
    for operation in ov.Core().read_model(file).get_ordered_ops():
        if operation.get_type_name() == "MatMul":
            node = operation.input_value(1).get_node()
            while node.get_type_name() in {"Multiply", "Subtract", "Convert", "Reshape"}:
                node = node.input_value(0).get_node()
            if node.get_type_name() == "Constant":
                yield node.data


def test_weights_leave_room_for_the_sums_of_a_cpu_without_vnni(
    full: tuple[Path, list[Encoding]], tmp_path: Path
) -> None:
    """Such a CPU adds two products of 8 bits in 16, and what does not fit is cut: 2 * 255 * 64 fits."""
    folder, encodings = full
    quantise(folder, tmp_path / "int8", encodings[:20])
    weights = list(_products(tmp_path / "int8/model.xml"))
    assert len(weights) >= 12 and all(table.dtype == np.int8 for table in weights)  # six for each of two layers
    assert 60 <= max(int(np.abs(table.astype(int)).max()) for table in weights) <= 64


def _tables(file: Path) -> Iterator[tuple[str, str]]:
    """Return the source and the type of each look-up into a constant."""
    for operation in ov.Core().read_model(file).get_ordered_ops():
        if operation.get_type_name() == "Gather" and operation.input_value(1).get_partial_shape().rank.get_length() > 1:
            source = operation.input_value(0)
            yield source.get_node().get_type_name(), source.get_element_type().get_type_name()


def test_embeddings_stay_int8_and_become_floats_row_by_row(
    full: tuple[Path, list[Encoding]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, encodings = full
    quantise(folder, tmp_path / "rows", encodings[:20])
    monkeypatch.setattr("training_job.build.quantise.look_up_then_scale", lambda network: None)
    quantise(folder, tmp_path / "whole", encodings[:20])
    tables = [source for source in _tables(tmp_path / "rows/model.xml") if source[1] == "i8"]
    assert tables == [("Constant", "i8")] * 2  # words and positions
    assert "i8" not in dict(_tables(tmp_path / "whole/model.xml")).values()
    batch = pad(encodings)
    rows, whole = (OpenVINOEngine(tmp_path / name, "int8", threads=1).forward(*batch) for name in ("rows", "whole"))
    assert all((one == other).all() for one, other in zip(rows, whole, strict=True))


def test_nothing_to_calibrate_on(full: tuple[Path, list[Encoding]], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one calibration row"):
        quantise(full[0], tmp_path / "int8", [])
    assert not (tmp_path / "int8").exists()
