"""Post-training int8 quantisation of the exported network, and whether what it costs in accuracy is worth it."""

import functools
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from model_release import Encoding, Metric
from model_release.scoring.scorer import pad
from model_release.scoring.signal_stack import kept_signal_stack
from training_job.build.export import save_ir
from training_job.measure.evaluate import Bools, Floats, Ints, balanced_difference, paired_difference, proportion

ACCEPTED_LOSS = 0.005  # of accuracy, int8 against fp32
Variant = Literal["openvino-int8", "openvino-bf16"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """int8 against fp32 on the same labelled rows; the differences of accuracy and balanced accuracy are int8 minus
    fp32."""

    rows: int
    agreement: Metric
    accuracy_difference: Metric
    balanced_difference: Metric
    largest_probability_difference: float


@dataclass(frozen=True, slots=True)
class Decision:
    """The variant that a release serves by default, and why in plain words."""

    variant: Variant
    reason: str


def compare(labels: Ints, full: Floats, quantised: Floats, threshold: float = 0.5) -> Comparison:
    """Compare P(positive) of the fp32 network, f[n], with that of the int8 network, f[n], on rows labelled i[n]."""
    decided_full: Bools = np.asarray(full) >= threshold
    decided_int8: Bools = np.asarray(quantised) >= threshold
    truth = np.asarray(labels) == 1
    right = decided_full == truth, decided_int8 == truth
    return Comparison(
        rows=len(labels),
        agreement=proportion(int(np.sum(decided_full == decided_int8)), len(labels)),
        accuracy_difference=paired_difference(*right),
        balanced_difference=balanced_difference(*right, np.asarray(labels)),
        largest_probability_difference=float(np.max(np.abs(np.asarray(full) - np.asarray(quantised)))),
    )


def choose_default(comparison: Comparison, accepted_loss: float = ACCEPTED_LOSS) -> Decision:
    """int8 unless its measured accuracy is more than `accepted_loss` below that of fp32; then bf16.

    The measured difference decides, not the end of its interval: on a few rows the interval would always refuse int8.
    Where a label is rare, int8 may lose that label and little accuracy; so bf16 is also served where the whole interval
    of the difference in balanced accuracy lies beyond that loss.
    """
    loss = -comparison.accuracy_difference.value
    apart = f"{abs(loss) * 100:.2f} points {'below' if loss > 0 else 'above'}" if loss else "exactly as accurate as"
    measured = f"{apart} fp32 on {comparison.rows:,} test rows"
    limit = f"{accepted_loss * 100:.1f} points"
    if loss > accepted_loss + 1e-9:
        return Decision("openvino-bf16", f"int8 is {measured}, over the accepted loss of {limit}: bf16 is served")
    balanced = comparison.balanced_difference
    if balanced.high < -accepted_loss:
        return Decision(
            "openvino-bf16",
            f"int8 is {measured}, but {-balanced.value * 100:.2f} points below fp32 in balanced accuracy: it loses the "
            "rarer label, so bf16 is served",
        )
    return Decision("openvino-int8", f"int8 is {measured}, within the accepted loss of {limit}: int8 is served")


def calibration_rows(lengths: Sequence[int], count: int, seed: int) -> npt.NDArray[np.int64]:
    """Pick up to `count` indices spread evenly over the lengths (tokens), short and long texts alike.

    The rows are put in order of length and cut into `count` strata of equal size; `seed` draws one from each.
    """
    order = np.argsort(np.asarray(lengths), kind="stable")
    strata = np.array_split(order, min(count, len(order)))
    rng = np.random.default_rng(seed)
    return np.array([rng.choice(stratum) for stratum in strata], dtype=np.int64)


@contextmanager
def _quiet() -> Iterator[None]:
    # NNCF draws bars of its own, which would tear the caller's, and reports its use over the network; both are off.
    os.environ.setdefault("NNCF_CI", "1")
    import nncf
    from nncf.common.logging import track_progress

    shown = track_progress.track.__init__
    nncf.set_log_level(logging.ERROR)
    track_progress.track.__init__ = functools.partialmethod(shown, disable=True)
    try:
        yield
    finally:
        track_progress.track.__init__ = shown


def _table_and_scale(source: Any) -> tuple[Any, Any] | None:
    """The int8 constant and the scale of each of its rows, whose product `source` is; None for any other output."""
    if source.get_node().get_type_name() != "Multiply":
        return None
    floats, scale = (source.get_node().input_value(port) for port in range(2))
    if floats.get_node().get_type_name() != "Convert":
        return None
    table = floats.get_node().input_value(0)
    by_row = table.get_node().get_type_name() == "Constant" and list(scale.get_shape()) == [table.get_shape()[0], 1]
    return (table, scale) if by_row else None


def look_up_then_scale(network: Any) -> None:
    """Let a table of embeddings stay int8 in memory: look rows up first, and make floats of those alone.

    NNCF writes the scaling before the look-up; the CPU plugin then does it once for the whole table and keeps that: for
    DistilBERT 94 MB beside the 23 that lie mapped in `model.bin`. The answers are the same to the last bit.
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

    NNCF's post-training quantisation for transformers (symmetric weights, asymmetric activations, SmoothQuant); each
    encoding runs as a batch of its own, because padding would widen the observed ranges. The weights of products take
    half of int8's range: a CPU without VNNI adds two products in 16 bits and saturates where both weights are large, so
    that the release would answer otherwise there (NNCF's `OverflowFix` tells of it).

    Raises:
        ValueError: no encodings.
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
