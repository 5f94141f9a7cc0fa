"""Post-training int8 quantisation of the exported network by NNCF."""

import functools
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model_release import Encoding
from model_release.scoring.scorer import pad
from model_release.scoring.signal_stack import kept_signal_stack
from training_job.build.export import save_ir


def calibration_rows(lengths: Sequence[int], count: int, seed: int) -> npt.NDArray[np.int64]:
    """Pick up to `count` indices spread evenly over the lengths (tokens), short and long texts alike.

    The rows are sorted by length and cut into `count` strata of equal size; one row is drawn from each, by `seed`.
    """
    order = np.argsort(np.asarray(lengths), kind="stable")
    strata = np.array_split(order, min(count, len(order)))
    rng = np.random.default_rng(seed)
    return np.array([rng.choice(stratum) for stratum in strata], dtype=np.int64)


@contextmanager
def _quiet() -> Iterator[None]:
    # Switch off NNCF's progress bars, which would garble the caller's, and its reports of use over the network.
    os.environ.setdefault("NNCF_CI", "1")
    from nncf.common.logging import track_progress

    # `nncf.set_log_level` would set the level of other programs' handlers too, such as pytest's.
    logger, shown = logging.getLogger("nncf"), track_progress.track.__init__
    level = logger.level
    logger.setLevel(logging.ERROR)
    track_progress.track.__init__ = functools.partialmethod(shown, disable=True)
    try:
        yield
    finally:
        logger.setLevel(level)
        track_progress.track.__init__ = shown


def _table_and_scale(source: Any) -> tuple[Any, Any] | None:
    """Return the int8 table and the scale of each row whose product is `source`; None for any other output."""
    if source.get_node().get_type_name() != "Multiply":
        return None
    floats, scale = (source.get_node().input_value(port) for port in range(2))
    if floats.get_node().get_type_name() != "Convert":
        return None
    table = floats.get_node().input_value(0)
    by_row = table.get_node().get_type_name() == "Constant" and list(scale.get_shape()) == [table.get_shape()[0], 1]
    return (table, scale) if by_row else None


def look_up_then_scale(network: Any) -> None:
    """Keep a table of embeddings int8 in memory: look rows up first, and convert only these to floats.

    NNCF scales before the look-up. The CPU plugin then scales and keeps the whole table: for DistilBERT 94 MB, beside
    23 MB mapped from `model.bin`. The answers are the same to the last bit.
    """
    from openvino import opset13

    for lookup in network.get_ordered_ops():
        if lookup.get_type_name() != "Gather" or not (found := _table_and_scale(lookup.input_value(0))):
            continue
        table, scale = found
        rows, axis = lookup.input_value(1), lookup.input_value(2)
        floats = opset13.convert(opset13.gather(table, rows, axis), lookup.get_element_type().to_dtype())
        answer = opset13.multiply(floats, opset13.gather(scale, rows, axis))
        answer.set_friendly_name(lookup.get_friendly_name())
        lookup.output(0).replace(answer.output(0))


def quantise(full: Path, quantised: Path, encodings: Sequence[Encoding]) -> None:
    """Write an int8 IR to the folder `quantised` from the fp32 IR in `full`, calibrated on the encodings' activations.

    This is NNCF's post-training quantisation for transformers (symmetric weights, asymmetric activations, SmoothQuant).
    Each encoding is a separate batch, because padding would widen the observed ranges. Weights use half of int8's
    range: a CPU without VNNI adds two products in 16 bits and saturates where both weights are large, which would
    change the answers (see NNCF's `OverflowFix`).

    Raises:
        ValueError: there are no encodings.
    """
    if not encodings:
        raise ValueError("quantisation needs at least one calibration row")
    with _quiet(), kept_signal_stack():
        import nncf
        import openvino as ov

        def as_inputs(encoding: Encoding) -> dict[str, npt.NDArray[np.int64]]:
            ids, mask = pad([encoding])
            return {"input_ids": ids, "attention_mask": mask}

        network = nncf.quantize(
            ov.Core().read_model(full / "model.xml"),
            nncf.Dataset(list(encodings), as_inputs),
            preset=nncf.QuantizationPreset.MIXED,
            target_device=nncf.TargetDevice.CPU,
            model_type=nncf.ModelType.TRANSFORMER,
            subset_size=len(encodings),
            advanced_parameters=nncf.AdvancedQuantizationParameters(overflow_fix=nncf.OverflowFix.ENABLE),
        )
        look_up_then_scale(network)
        save_ir(network, quantised / "model.xml")
