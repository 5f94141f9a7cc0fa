"""The frame that every matplotlib picture shares: style, wrapped title, axes in percent.

Only programs that draw have matplotlib, so it is loaded when a picture is begun.
"""

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from sentiment_common import look

_LINE_INCHES = 0.22  # a title's line with its leading
_PAD_INCHES = 0.08  # between the title and what stands below it

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def styled(draw: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Draw in the shared look, and leave matplotlib's global settings as they were."""

    @functools.wraps(draw)
    def in_style(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        import matplotlib as mpl

        with mpl.rc_context(dict(look.PICTURE_STYLE)):
            return draw(*args, **kwargs)

    return in_style


def figure(width: float, height: float, title: str, rows: int = 1, columns: int = 1, **options: Any) -> tuple[Any, Any]:
    """Return a figure without a display, and its axes as an array [rows x columns].

    Sizes are in inches; `height` is what stands below the title, which is wrapped to the width and set at the left.
    `options` go to matplotlib's `Figure.subplots`.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    wrapped = look.wrap_title(title, width - 0.2, look.TITLE_POINTS)
    tall = height + _LINE_INCHES * (wrapped.count("\n") + 1)
    drawn = Figure(figsize=(width, tall), layout=ConstrainedLayoutEngine(h_pad=_PAD_INCHES))
    FigureCanvasAgg(drawn)
    drawn.suptitle(wrapped, x=0.1 / width, ha="left")
    return drawn, drawn.subplots(rows, columns, squeeze=False, **options).ravel()


def in_percent(axis: Any) -> None:
    """Label the ticks of an axis of shares (0 to 1) in percent."""
    axis.set_major_formatter(lambda share, _: f"{100 * share:.3g} %")
