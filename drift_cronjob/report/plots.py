"""Pictures of a check, each a PNG in a data address so that the page needs no other file."""

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from drift_cronjob.intervals import Interval
from drift_cronjob.sample import Sample
from drift_cronjob.statistic import FloatArray
from drift_cronjob.wording import phrase_of

REFERENCE_COLOUR, WINDOW_COLOUR = "#5b7c99", "#d9692a"
NEGATIVE_COLOUR, POSITIVE_COLOUR = "#9aa5b1", "#3a8f6f"
_INK = "#27313b"
_SCATTER_ROWS = 1_000


def _figure(width: float, height: float, rows: int = 1, columns: int = 1) -> tuple[Figure, list[Any]]:
    figure = Figure(figsize=(width, height), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.spines[["left", "bottom"]].set_color("#c3cad1")
        axis.tick_params(labelsize=8, colors=_INK, color="#c3cad1")
        axis.title.set_fontsize(10)
        axis.title.set_color(_INK)
        axis.xaxis.label.set_fontsize(8.5)
        axis.yaxis.label.set_fontsize(8.5)
    return figure, axes


def _data_address(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", facecolor="white")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _edges(reference: FloatArray, window: FloatArray, whole: bool) -> FloatArray:
    """Common bins over the middle 99 % of both sides; of whole numbers each bin holds equally many."""
    pooled = np.concatenate([reference, window])
    low, high = (float(end) for end in np.quantile(pooled, [0.005, 0.995]))
    if whole:
        step = max(1, int(np.ceil((high - low + 1) / 30)))
        return np.arange(np.floor(low), np.floor(high) + 1 + step, step, dtype=np.float64) - 0.5
    if high <= low:
        return np.array([low - 0.5, low + 0.5])
    return np.linspace(low, high, 31)


def _overlay(axis: Any, reference: FloatArray, window: FloatArray, edges: FloatArray) -> None:
    """Both distributions as shares of rows; what lies outside of the bins is put into the outer ones."""
    for values, colour, label, filled in (
        (reference, REFERENCE_COLOUR, "reference", True),
        (window, WINDOW_COLOUR, "window", False),
    ):
        inside = np.clip(values, edges[0], np.nextafter(edges[-1], edges[0]))
        heights = np.histogram(inside, edges)[0] / max(1, values.size)
        axis.stairs(heights, edges, fill=filled, color=colour, alpha=0.45 if filled else 1, linewidth=1.6, label=label)
    axis.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.3g} %")
    axis.set_ylim(bottom=0)


def score_plot(reference: Sample, window: Sample) -> str:
    """Margins and confidences of both sides."""
    figure, (left, right) = _figure(9.5, 3.0, 1, 2)
    _overlay(left, reference.margin, window.margin, _edges(reference.margin, window.margin, whole=False))
    left.set_title("Margin (how far an answer is from undecided)")
    left.set_xlabel("negative ← margin → positive")
    left.legend(frameon=False, fontsize=8)
    _overlay(right, reference.confidence, window.confidence, _edges(reference.confidence, window.confidence, False))
    right.set_title("Confidence in the returned label")
    right.set_xlabel("calibrated probability")
    return _data_address(figure)


def descriptor_plot(names: Sequence[str], reference: FloatArray, window: FloatArray) -> str:
    """Every descriptor's distribution on both sides."""
    columns = 4
    rows = -(-len(names) // columns)
    figure, axes = _figure(9.5, 1.95 * rows, rows, columns)
    for index, (axis, name) in enumerate(zip(axes, names, strict=False)):
        before, now = reference[:, index], window[:, index]
        whole = bool(np.all(before == np.floor(before)) and np.all(now == np.floor(now)))
        _overlay(axis, before, now, _edges(before, now, whole))
        axis.set_title(phrase_of(name).title, fontsize=9)
        if phrase_of(name).share:
            axis.xaxis.set_major_formatter(lambda share, _: f"{100 * share:.3g} %")
        axis.tick_params(labelsize=7)
        axis.locator_params(axis="both", nbins=4)
    axes[0].legend(frameon=False, fontsize=7)
    for axis in axes[len(names) :]:
        axis.set_visible(False)
    return _data_address(figure)


def sketch_plot(reference: FloatArray, window: FloatArray, rng: np.random.Generator) -> str:
    """Both clouds of sketches on the reference's two main axes."""
    centre = reference.mean(axis=0)
    _, sizes, directions = np.linalg.svd(reference - centre, full_matrices=False)
    explained = float((sizes[:2] ** 2).sum() / max(float((sizes**2).sum()), 1e-12))
    figure, (axis,) = _figure(4.7, 4.9)
    for values, colour, label in (
        (reference, REFERENCE_COLOUR, "reference"),
        (window, WINDOW_COLOUR, "window"),
    ):
        some = values[rng.permutation(len(values))[:_SCATTER_ROWS]]
        x, y = ((some - centre) @ directions[:2].T).T
        axis.scatter(x, y, s=7, color=colour, alpha=0.45, linewidths=0, label=label)
    axis.set_title("Embeddings, seen from the reference's main axes")
    axis.set_xlabel(f"first axis (two axes show {100 * explained:.0f} % of the reference's spread)")
    axis.set_ylabel("second axis")
    axis.legend(frameon=False, fontsize=8, markerscale=2)
    return _data_address(figure)


def traffic_plot(time: npt.NDArray[np.datetime64], label: npt.NDArray[np.int8]) -> str:
    """Answers by hour (by day in a window of more than a week), split into negative and positive."""
    daily = time.max() - time.min() > np.timedelta64(7, "D")
    unit = "datetime64[D]" if daily else "datetime64[h]"
    hours = time.astype(unit)
    first = hours.min()
    slots = (hours - first).astype(int)
    width = 0.9 if daily else 0.9 / 24
    starts = first + np.arange(slots.max() + 1)
    negative, positive = (np.bincount(slots[label == kind], minlength=len(starts)) for kind in (0, 1))
    figure, (axis,) = _figure(4.7, 3.0)
    at = starts.astype("datetime64[s]").astype(object)
    axis.bar(at, negative, width=width, align="edge", color=NEGATIVE_COLOUR, label="negative")
    axis.bar(at, positive, width=width, align="edge", bottom=negative, color=POSITIVE_COLOUR, label="positive")
    axis.set_title(f"Compared texts by {'day' if daily else 'hour'} and answer (UTC)")
    locator = AutoDateLocator(maxticks=6)
    axis.xaxis.set_major_locator(locator)
    axis.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axis.set_ylim(top=1.2 * float((negative + positive).max()))
    axis.legend(frameon=False, fontsize=8, ncols=2, loc="upper right")
    return _data_address(figure)


def accuracy_plot(rows: Sequence[tuple[str, Interval]]) -> str:
    """Accuracies with their 95 % intervals, one line each; the first is the reference's."""
    figure, (axis,) = _figure(4.7, 0.75 + 0.5 * len(rows))
    places = np.arange(len(rows))[::-1]
    for place, (_, accuracy), colour in zip(
        places, rows, [REFERENCE_COLOUR, *[WINDOW_COLOUR] * (len(rows) - 1)], strict=True
    ):
        axis.plot([accuracy.low, accuracy.high], [place, place], color=colour, linewidth=2.2, solid_capstyle="round")
        axis.plot(accuracy.value, place, "o", color=colour, markersize=6)
    axis.axvline(rows[0][1].value, color=REFERENCE_COLOUR, linewidth=0.8, linestyle=":")
    axis.set_yticks(places, [name for name, _ in rows])
    axis.set_ylim(-0.6, len(rows) - 0.4)
    axis.xaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f} %")
    axis.set_title("Share of right answers, with 95 % intervals")
    return _data_address(figure)
