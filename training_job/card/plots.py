"""Pictures of a model card. Each function takes plain data and writes one PNG, without a display or global state."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from sentiment_common import look
from sentiment_common.intervals import Interval, wilson
from sentiment_common.pictures import figure, in_percent, styled
from training_job.card.findings import Curves, Titles, is_weak
from training_job.measure.evaluate import Confusion, Evaluation, ReliabilityBin, Slice

_CURVE_LOOKS = ((look.COMPARED, "-"), (look.MEASURED, "-"), (look.NEGATIVE, "--"), (look.POSITIVE, ":"))


def _save(drawn: Any, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        drawn.savefig(path, metadata={"Software": None})  # the same data gives the same bytes
    except BaseException:
        path.unlink(missing_ok=True)  # a release must not contain half a picture
        raise
    return path


def _errors(metrics: Sequence[Interval]) -> list[list[float]]:
    return [[m.value - m.low for m in metrics], [m.high - m.value for m in metrics]]


def _reliability_panel(axes: Any, bins: Sequence[ReliabilityBin], title: str, colour: str) -> None:
    accuracy = [item.accuracy for item in bins]
    axes.plot([0.5, 1], [0.5, 1], color=look.SOFT, linestyle="--", linewidth=1, label="perfect calibration")
    axes.errorbar(
        [item.confidence for item in bins], [share.value for share in accuracy], yerr=_errors(accuracy), fmt="o-",
        color=colour, markersize=4, linewidth=1.4, elinewidth=1, capsize=2, label="rows of a bin, 95 % interval",
    )  # fmt: skip
    axes.set(title=title, xlabel="mean confidence of the bin's answers")
    in_percent(axes.xaxis)
    in_percent(axes.yaxis)
    axes.legend(loc="upper left")


@styled
def reliability_diagram(evaluation: Evaluation, title: str, path: Path) -> Path:
    """Draw the share of right answers against confidence, before and after temperature scaling."""
    drawn, (left, right) = figure(9, 4.1, title, columns=2, sharex=True, sharey=True)
    before, after = evaluation.reliability_before, evaluation.reliability_after
    _reliability_panel(left, before, f"As trained: error {evaluation.ece_before.value:.3f}", look.NEGATIVE)
    divided = f"Margin divided by {evaluation.temperature:.2f}: error {evaluation.ece_after.value:.3f}"
    _reliability_panel(right, after, divided, look.MEASURED)
    lows = [item.accuracy.low for item in (*before, *after)]
    left.set(xlim=(0.49, 1.01), ylim=(min(0.45, *lows) - 0.02, 1.02), ylabel="share answered rightly")
    return _save(drawn, path)


@styled
def confusion_matrix(counts: Confusion, labels: tuple[str, str], title: str, path: Path) -> Path:
    """Draw the counts of each true label with shares and intervals, as a table of four cells."""
    from matplotlib.colors import LinearSegmentedColormap

    drawn, (axes,) = figure(5.4, 4.6, title)
    cells = np.array([[counts.true_negative, counts.false_positive], [counts.false_negative, counts.true_positive]])
    totals = cells.sum(axis=1)
    shares = cells / np.maximum(totals[:, None], 1)
    shades = LinearSegmentedColormap.from_list("share", ["#ffffff", look.MEASURED])
    axes.imshow(shares, cmap=shades, vmin=0, vmax=1, aspect="equal")
    for row, column in np.ndindex(2, 2):
        lines = [f"{cells[row, column]:,} rows"]
        if totals[row]:
            share = wilson(int(cells[row, column]), int(totals[row]))
            lines += [f"{share.value:.1%}".replace("%", " %"), f"{100 * share.low:.1f} to {100 * share.high:.1f} %"]
        colour = "white" if shares[row, column] > 0.5 else look.INK
        axes.text(column, row, "\n".join(lines), ha="center", va="center", fontsize=11, linespacing=1.5, color=colour)
    axes.set(xlabel="answered label", ylabel="true label (shares of it, 95 % intervals)")
    axes.set_xticks([0, 1], labels)
    axes.set_yticks([0, 1], labels, rotation=90, va="center")
    axes.grid(False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return _save(drawn, path)


@styled
def training_curve(curves: Curves, watched_rows: int, title: str, path: Path) -> Path:
    """Draw the losses on the left, and the validation accuracy on the right, against optimiser steps.

    `watched_rows` is the number of rows of each validation, which gives the accuracy's intervals; 0: unknown.
    """
    losses = {name: points for name, points in curves.items() if "loss" in name and points}
    others = {name: points for name, points in curves.items() if "loss" not in name and points}
    groups = [(unit, group) for unit, group in (("loss in nats a row", losses), ("share of rows", others)) if group]
    panels = max(len(groups), 1)
    drawn, axes = figure(4.5 * panels, 3.5, title, columns=panels)
    for panel, (unit, group) in zip(axes, groups, strict=False):
        for (colour, line), (name, points) in zip(
            _CURVE_LOOKS[0 if group is losses else 1 :], group.items(), strict=False
        ):
            steps, values = zip(*points, strict=True)
            marker = "o" if len(points) < 30 else ""
            label = name.replace("_", " ")
            if name == "validation_accuracy" and watched_rows:
                shares = [wilson(round(value * watched_rows), watched_rows) for value in values]
                low, high = [share.low for share in shares], [share.high for share in shares]
                panel.fill_between(steps, low, high, color=colour, alpha=0.16, linewidth=0)
                label += f"\n{watched_rows:,} rows, 95 % interval"
            panel.plot(steps, values, color=colour, linestyle=line, marker=marker, markersize=3.5, label=label)
        panel.set(xlabel="optimiser step", ylabel=unit)
        panel.legend(loc="best")
    if others:
        in_percent(axes[-1].yaxis)
    if not groups:
        axes[0].text(0.5, 0.5, "no steps were recorded", ha="center", va="center", transform=axes[0].transAxes)
        axes[0].set_axis_off()
    return _save(drawn, path)


@styled
def slice_accuracy(parts: Sequence[Slice], overall: Interval, title: str, path: Path) -> Path:
    """Draw the accuracy with its interval on each part of the test rows, beside the accuracy on all of them."""
    drawn, (axes,) = figure(8, 0.9 + 0.33 * len(parts), title)
    axes.axvspan(overall.low, overall.high, color=look.COMPARED, alpha=0.25, linewidth=0)
    axes.axvline(overall.value, color=look.SOFT, linestyle="--", linewidth=1.2)
    for height, part in enumerate(reversed(parts)):
        weak = is_weak(part, overall)
        axes.errorbar(
            part.accuracy.value, height, xerr=[[end] for (end,) in _errors([part.accuracy])], fmt="s" if weak else "o",
            color=look.NEGATIVE if weak else look.MEASURED, markersize=5, elinewidth=1.6, capsize=3,
        )  # fmt: skip
    axes.set_yticks(range(len(parts)), [f"{part.name}  (n = {part.rows:,})" for part in reversed(parts)])
    axes.set_ylim(-0.7, len(parts) - 0.3)
    axes.set_xlabel(f"accuracy, 95 % interval (dashed and grey: {100 * overall.value:.1f} % on all test rows)")
    in_percent(axes.xaxis)
    axes.grid(axis="y", visible=False)
    return _save(drawn, path)


@styled
def probability_histogram(evaluation: Evaluation, labels: tuple[str, str], title: str, path: Path) -> Path:
    """Draw a histogram of P(positive) by true label: errors are on the wrong side of 0.5."""
    drawn, (axes,) = figure(8, 3.5, title)
    edges = np.linspace(0, 1, 41)
    for index, colour, filled in ((0, look.NEGATIVE, True), (1, look.POSITIVE, False)):
        rows = evaluation.probability[evaluation.labels == index]
        heights = np.histogram(rows, edges)[0]
        label = f"truly {labels[index]} ({len(rows):,} rows)"
        look_of = {"fill": True, "alpha": 0.45} if filled else {"linewidth": 1.8}
        axes.stairs(heights, edges, color=colour, label=label, **look_of)
    axes.axvline(0.5, color=look.INK, linewidth=0.8, linestyle=":")
    axes.set(xlabel=f"calibrated probability of {labels[1]}", ylabel="test rows", xlim=(0, 1))
    in_percent(axes.xaxis)
    axes.grid(axis="x", visible=False)
    axes.legend(loc="upper center")
    return _save(drawn, path)


PICTURES = tuple(field.name for field in fields(Titles))


def drawings(
    evaluation: Evaluation, curves: Curves, watched_rows: int, labels: tuple[str, str], titles: Titles, folder: Path
) -> dict[str, Callable[[], Path]]:
    """Return, by name, a function that draws each of `PICTURES` as `<folder>/<name>.png` and returns the file."""
    at = {name: folder / f"{name}.png" for name in PICTURES}
    return {
        "reliability": lambda: reliability_diagram(evaluation, titles.reliability, at["reliability"]),
        "confusion": lambda: confusion_matrix(evaluation.confusion, labels, titles.confusion, at["confusion"]),
        "training": lambda: training_curve(curves, watched_rows, titles.training, at["training"]),
        "slices": lambda: slice_accuracy(evaluation.slices, evaluation.accuracy, titles.slices, at["slices"]),
        "probabilities": lambda: probability_histogram(evaluation, labels, titles.probabilities, at["probabilities"]),
    }
