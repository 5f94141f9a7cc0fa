"""Pictures of a check, each a PNG in a data address, so that the page needs no other file."""

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

from drift_cronjob.statistics.statistic import FloatArray
from drift_cronjob.statistics.wording import middles, phrase_of
from drift_cronjob.window.sample import Sample
from sentiment_common import look
from sentiment_common.intervals import Interval, wilson
from sentiment_common.pictures import figure, in_percent, styled

_SCATTER_ROWS = 1_000
_WIDE, _HALF = 9.5, 4.7  # inches: a picture over the page's width, and one over half of it


def _data_address(drawn: Any) -> str:
    buffer = io.BytesIO()
    drawn.savefig(buffer, format="png")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _edges(reference: FloatArray, window: FloatArray, whole: bool) -> FloatArray:
    """Common bins over the middle 99 % of both sides; of whole numbers, each bin covers equally many."""
    pooled = np.concatenate([reference, window])
    low, high = (float(end) for end in np.quantile(pooled, [0.005, 0.995]))
    if whole:
        step = max(1, int(np.ceil((high - low + 1) / 30)))
        return np.arange(np.floor(low), np.floor(high) + 1 + step, step, dtype=np.float64) - 0.5
    if high <= low:
        return np.array([low - 0.5, low + 0.5])
    return np.linspace(low, high, 31)


def _overlay(axis: Any, reference: FloatArray, window: FloatArray, edges: FloatArray) -> None:
    """Draw both distributions as shares of rows, the window's with a 95 % interval per bin.

    Values outside the bins count in the outer bins.
    """
    counts = []
    for values in (reference, window):
        inside = np.clip(values, edges[0], np.nextafter(edges[-1], edges[0]))
        counts.append(np.histogram(inside, edges)[0])
    axis.stairs(
        counts[0] / max(1, reference.size), edges, fill=True, color=look.COMPARED, alpha=0.75, label="reference"
    )
    if window.size:
        shares = [wilson(int(count), window.size) for count in counts[1]]
        low, high = [share.low for share in shares], [share.high for share in shares]
        axis.stairs(
            high, edges, baseline=low, fill=True, color=look.MEASURED, alpha=0.22, label="window, 95 % interval"
        )
    axis.stairs(counts[1] / max(1, window.size), edges, color=look.MEASURED, linewidth=1.5, label="window")
    axis.set_ylim(bottom=0)
    in_percent(axis.yaxis)


@styled
def score_plot(reference: Sample, window: Sample, title: str) -> str:
    """Draw margins and confidences of both sides."""
    drawn, (left, right) = figure(_WIDE, 3.0, title, columns=2)
    _overlay(left, reference.margin, window.margin, _edges(reference.margin, window.margin, whole=False))
    left.set(xlabel="margin: negative ← undecided → positive (difference of logits)", ylabel="share of texts")
    _overlay(right, reference.confidence, window.confidence, _edges(reference.confidence, window.confidence, False))
    right.set(xlabel="calibrated probability of the answered label", ylabel="share of texts")
    in_percent(right.xaxis)
    right.legend(loc="upper left")
    return _data_address(drawn)


@styled
def descriptor_plot(names: Sequence[str], reference: FloatArray, window: FloatArray, title: str) -> str:
    """Draw each descriptor's distribution on both sides, and their medians or means above it."""
    columns = 4
    rows = -(-len(names) // columns)
    drawn, axes = figure(_WIDE, 2.15 * rows, title, rows, columns)
    for index, (axis, name) in enumerate(zip(axes, names, strict=False)):
        before, now = reference[:, index], window[:, index]
        whole = bool(np.all(before == np.floor(before)) and np.all(now == np.floor(now)))
        _overlay(axis, before, now, _edges(before, now, whole))
        phrase = phrase_of(name)
        kind, old, new = middles(name, before, now)
        heading = f"{phrase.title}\n{kind} {phrase.amount(old)} → {phrase.amount(new)}"
        axis.set_title(heading, fontsize=look.SMALL_POINTS)
        axis.set_xlabel(phrase.axis, fontsize=look.SMALL_POINTS)
        if phrase.share:
            in_percent(axis.xaxis)
        axis.tick_params(labelsize=7.5)
        axis.locator_params(axis="both", nbins=4)
    for axis in axes[0::columns]:
        axis.set_ylabel("share of texts", fontsize=look.SMALL_POINTS)
    for axis in axes[len(names) :]:
        axis.set_axis_off()
    # In the free place after the last panel where there is one, else over the first panel.
    last = axes[len(names)] if len(names) < len(axes) else axes[0]
    last.legend(*axes[0].get_legend_handles_labels(), loc="center" if last is not axes[0] else "upper right")
    return _data_address(drawn)


@styled
def sketch_plot(reference: FloatArray, window: FloatArray, rng: np.random.Generator, title: str) -> str:
    """Draw the sketches of both sides on the reference's two main axes."""
    centre = reference.mean(axis=0)
    _, sizes, directions = np.linalg.svd(reference - centre, full_matrices=False)
    explained = float((sizes[:2] ** 2).sum() / max(float((sizes**2).sum()), 1e-12))
    drawn, (axis,) = figure(_HALF, 4.5, title)
    for values, colour, marker, label in (
        (reference, look.COMPARED, "o", "reference"),
        (window, look.MEASURED, "^", "window"),
    ):
        some = values[rng.permutation(len(values))[:_SCATTER_ROWS]]
        x, y = ((some - centre) @ directions[:2].T).T
        axis.scatter(x, y, s=11, marker=marker, color=colour, alpha=0.55, linewidths=0, label=label)
    axis.set_xlabel(f"first main axis (two show {100 * explained:.0f} % of the reference's spread)")
    axis.set_ylabel("second main axis of the embeddings (no unit)")
    axis.legend(markerscale=2)
    return _data_address(drawn)


@styled
def traffic_plot(time: npt.NDArray[np.datetime64], label: npt.NDArray[np.int8], title: str) -> str:
    """Draw negative and positive answers by hour, or by day in a window of more than a week."""
    daily = time.max() - time.min() > np.timedelta64(7, "D")
    unit = "datetime64[D]" if daily else "datetime64[h]"
    hours = time.astype(unit)
    first = hours.min()
    slots = (hours - first).astype(int)
    width = 0.9 if daily else 0.9 / 24
    starts = first + np.arange(slots.max() + 1)
    negative, positive = (np.bincount(slots[label == kind], minlength=len(starts)) for kind in (0, 1))
    drawn, (axis,) = figure(_HALF, 2.8, title)
    at = starts.astype("datetime64[s]").astype(object)
    axis.bar(at, negative, width=width, align="edge", color=look.NEGATIVE, label="negative")
    axis.bar(
        at,
        positive,
        width=width,
        align="edge",
        bottom=negative,
        color=look.POSITIVE,
        label="positive",
        hatch="//",
        edgecolor="white",
        linewidth=0,
    )
    axis.set(xlabel=f"{'day' if daily else 'hour'} (UTC)", ylabel="texts compared")
    locator = AutoDateLocator(maxticks=6)
    axis.xaxis.set_major_locator(locator)
    axis.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axis.set_ylim(top=1.25 * float((negative + positive).max()))
    axis.grid(axis="x", visible=False)
    axis.legend(ncols=2, loc="upper right")
    return _data_address(drawn)


@styled
def accuracy_plot(rows: Sequence[tuple[str, Interval]], title: str) -> str:
    """Draw accuracies with their 95 % intervals, one line each; the first is the reference's."""
    drawn, (axis,) = figure(_HALF, 0.8 + 0.42 * len(rows), title)
    places = np.arange(len(rows))[::-1]
    for place, (_, accuracy), colour in zip(places, rows, [look.SOFT, *[look.MEASURED] * (len(rows) - 1)], strict=True):
        axis.plot([accuracy.low, accuracy.high], [place, place], color=colour, linewidth=2.2, solid_capstyle="round")
        axis.plot(accuracy.value, place, "o", color=colour, markersize=6)
    axis.axvline(rows[0][1].value, color=look.SOFT, linewidth=0.8, linestyle=":")
    axis.set_yticks(places, [name for name, _ in rows])
    axis.set_ylim(-0.6, len(rows) - 0.4)
    axis.set_xlabel("share of right answers, 95 % intervals")
    axis.grid(axis="y", visible=False)
    axis.locator_params(axis="x", nbins=7)
    in_percent(axis.xaxis)
    return _data_address(drawn)
