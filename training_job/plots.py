"""The pictures of a model card. Each takes plain data and writes one PNG; no display and no global state is needed."""

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ParamSpec

import numpy as np

from training_job.evaluate import Confusion, Evaluation, ReliabilityBin, Slice

Curves = Mapping[str, Sequence[tuple[float, float]]]  # name → (step, value) points

BLUE, ORANGE, GREEN, GREY, INK = "#2563a8", "#d9822b", "#3a8f5c", "#9aa3ad", "#23292f"
_STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.titlesize": 11.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#e6e9ec",
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
}


Parameters = ParamSpec("Parameters")


def _styled(draw: Callable[Parameters, Path]) -> Callable[Parameters, Path]:
    @functools.wraps(draw)
    def in_style(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Path:
        import matplotlib as mpl

        with mpl.rc_context(_STYLE):
            return draw(*args, **kwargs)

    return in_style


def _figure(width: float, height: float, columns: int = 1, **options: Any) -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=130, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(1, columns, **options)


def _save(figure: Any, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": None})  # the same data gives the same bytes
    return path


def _reliability_panel(axes: Any, bins: Sequence[ReliabilityBin], title: str, colour: str) -> None:
    confidence = np.array([item.confidence for item in bins])
    accuracy = np.array([item.accuracy.value for item in bins])
    below = accuracy - np.array([item.accuracy.low for item in bins])
    above = np.array([item.accuracy.high for item in bins]) - accuracy
    axes.plot([0.5, 1], [0.5, 1], color=GREY, linestyle="--", linewidth=1, label="perfect calibration")
    axes.errorbar(
        confidence, accuracy, yerr=[below, above], fmt="o-", color=colour, markersize=4, linewidth=1.4, elinewidth=1,
        capsize=2, label="rows of the bin, 95 % interval",
    )  # fmt: skip
    axes.set(title=title, xlabel="confidence of the predicted label")


@_styled
def reliability_diagram(evaluation: Evaluation, path: Path) -> Path:
    """Share of right answers against confidence, before and after temperature scaling."""
    figure, (left, right) = _figure(9, 4.2, 2, sharex=True, sharey=True)
    before, after = evaluation.ece_before.value, evaluation.ece_after.value
    _reliability_panel(left, evaluation.reliability_before, f"As trained: ECE {before:.3f}", ORANGE)
    title = f"Temperature {evaluation.temperature:.2f}: ECE {after:.3f}"
    _reliability_panel(right, evaluation.reliability_after, title, BLUE)
    lows = [item.accuracy.low for item in (*evaluation.reliability_before, *evaluation.reliability_after)]
    left.set(xlim=(0.49, 1.01), ylim=(min(0.45, *lows) - 0.02, 1.02), ylabel="share answered rightly")
    right.legend(loc="lower right")
    return _save(figure, path)


@_styled
def confusion_matrix(counts: Confusion, labels: tuple[str, str], path: Path) -> Path:
    """Counts and shares of each true label, as a table of four fields."""
    figure, axes = _figure(4.6, 4.2)
    cells = np.array(
        [[counts.true_negative, counts.false_positive], [counts.false_negative, counts.true_positive]], dtype=float
    )
    shares = cells / np.maximum(cells.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.15, aspect="equal")
    for row in range(2):
        for column in range(2):
            colour = "white" if shares[row, column] > 0.6 else INK
            text = f"{int(cells[row, column]):,}\n{shares[row, column]:.1%}"
            axes.text(column, row, text, ha="center", va="center", fontsize=13, color=colour)
    axes.set(title=f"{counts.rows:,} test rows", xlabel="predicted label", ylabel="true label")
    axes.set_xticks([0, 1], labels)
    axes.set_yticks([0, 1], labels, rotation=90, va="center")
    axes.grid(False)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return _save(figure, path)


@_styled
def training_curve(curves: Curves, path: Path) -> Path:
    """Losses on the left, everything else (accuracy on the validation rows) on the right, against optimiser steps."""
    losses = {name: points for name, points in curves.items() if "loss" in name and points}
    others = {name: points for name, points in curves.items() if "loss" not in name and points}
    panels = [(title, group) for title, group in (("Loss", losses), ("Validation", others)) if group]
    figure, axes = _figure(4.5 * max(len(panels), 1), 3.6, max(len(panels), 1), squeeze=False)
    for panel, (title, group) in zip(axes[0], panels, strict=False):
        for colour, (name, points) in zip((BLUE, ORANGE, GREEN, GREY), group.items(), strict=False):
            steps, values = zip(*points, strict=True)
            marker = "o" if len(points) < 30 else ""
            panel.plot(steps, values, color=colour, marker=marker, markersize=3.5, label=name.replace("_", " "))
        panel.set(title=title, xlabel="optimiser step")
        panel.legend()
    if not panels:
        axes[0][0].text(0.5, 0.5, "no steps were recorded", ha="center", va="center", transform=axes[0][0].transAxes)
        axes[0][0].set_axis_off()
    return _save(figure, path)


@_styled
def slice_accuracy(parts: Sequence[Slice], overall: float, path: Path) -> Path:
    """Accuracy with its interval on each part of the test rows, beside the accuracy on all of them."""
    figure, axes = _figure(8, 1.3 + 0.33 * len(parts))
    height = np.arange(len(parts))[::-1]
    values = np.array([part.accuracy.value for part in parts])
    below = values - np.array([part.accuracy.low for part in parts])
    above = np.array([part.accuracy.high for part in parts]) - values
    axes.axvline(overall, color=ORANGE, linestyle="--", linewidth=1.2)
    axes.errorbar(values, height, xerr=[below, above], fmt="o", color=BLUE, markersize=5, elinewidth=1.6, capsize=3)
    axes.set_yticks(height, [f"{part.name}  (n = {part.rows:,})" for part in parts])
    axes.set(title="Accuracy by kind of text, 95 % interval", ylim=(-0.7, len(parts) - 0.3))
    axes.set_xlabel(f"accuracy (dashed: {overall:.3f} on all test rows)")
    axes.grid(axis="y", visible=False)
    return _save(figure, path)


@_styled
def probability_histogram(evaluation: Evaluation, labels: tuple[str, str], path: Path) -> Path:
    """How sure the answers are, by true label: well separated humps at the ends, mistakes on the wrong side."""
    figure, axes = _figure(7, 3.6)
    edges = np.linspace(0, 1, 41)
    for index, colour in ((0, ORANGE), (1, BLUE)):
        rows = evaluation.probability[evaluation.labels == index]
        axes.hist(rows, bins=edges, color=colour, alpha=0.6, label=f"truly {labels[index]} ({len(rows):,})")
    axes.axvline(0.5, color=INK, linewidth=0.8, linestyle=":")
    axes.set(title="Calibrated P(positive) on the test rows", xlabel="P(positive)", ylabel="rows", xlim=(0, 1))
    axes.grid(axis="x", visible=False)
    axes.legend(loc="upper center")
    return _save(figure, path)


PICTURES = ("reliability", "confusion", "training", "slices", "probabilities")


def draw_all(evaluation: Evaluation, curves: Curves, labels: tuple[str, str], folder: Path) -> dict[str, Path]:
    """Every picture of the card, as `<folder>/<name>.png`; name → file, with the names of `PICTURES`."""
    reliability, confusion, training, slices, probabilities = (folder / f"{name}.png" for name in PICTURES)
    drawn = (
        reliability_diagram(evaluation, reliability),
        confusion_matrix(evaluation.confusion, labels, confusion),
        training_curve(curves, training),
        slice_accuracy(evaluation.slices, evaluation.accuracy.value, slices),
        probability_histogram(evaluation, labels, probabilities),
    )
    return dict(zip(PICTURES, drawn, strict=True))
