"""Colours and fonts of every picture and report: the page's light palette, for pictures and HTML reports.

Plain data, so that a program that draws nothing loads no drawing library.
"""

import textwrap
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

# The names and values of the page's light theme (frontend/src/index.css).
PALETTE: Mapping[str, str] = MappingProxyType(
    {
        "page": "#f4f6f8",
        "card": "#ffffff",
        "well": "#eef1f4",
        "ink": "#16202b",
        "soft": "#515e6b",
        "line": "#d9dfe5",
        "accent": "#0f6b64",
        "on-accent": "#ffffff",
        "positive": "#0f6b64",
        "negative": "#a8431b",
        "good": "#1a6b41",
        "warn": "#845400",
        "bad": "#ad231c",
    }
)
INK, SOFT, LINE = PALETTE["ink"], PALETTE["soft"], PALETTE["line"]
POSITIVE, NEGATIVE = PALETTE["positive"], PALETTE["negative"]
# What is measured against what it is compared with. They differ in lightness as well as in hue, so that they stay apart
# for every kind of colour vision and on a grey print.
MEASURED, COMPARED = "#1d4f91", "#9aa8b5"

TITLE_POINTS, PANEL_POINTS, SMALL_POINTS = 11.5, 10.0, 8.5
_BOLD_WIDTH = 0.64  # mean width of a letter of DejaVu Sans Bold, in units of the font's size
DOTS_PER_INCH = 130

# matplotlib's settings; its own font, so that every machine draws the same bytes.
PICTURE_STYLE: Mapping[str, Any] = MappingProxyType(
    {
        "font.family": "DejaVu Sans",
        "font.size": 9.5,
        "text.color": INK,
        "figure.dpi": DOTS_PER_INCH,
        "figure.facecolor": "white",
        "figure.titlesize": TITLE_POINTS,
        "figure.titleweight": "bold",
        "axes.labelcolor": SOFT,
        "axes.edgecolor": COMPARED,
        "axes.titlesize": PANEL_POINTS,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.titlepad": 8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.grid": True,
        "grid.color": LINE,
        "grid.linewidth": 0.7,
        "xtick.color": COMPARED,
        "ytick.color": COMPARED,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "legend.facecolor": "white",
        "legend.edgecolor": "none",
        "legend.framealpha": 0.85,
        "legend.fontsize": SMALL_POINTS,
    }
)


def wrap_title(text: str, inches: float, points: float = PANEL_POINTS) -> str:
    """Wrap a title to a width in inches when set bold in `points`; a number keeps its percent sign."""
    width = max(12, int(inches * 72 / (points * _BOLD_WIDTH)))
    return textwrap.fill(text.replace(" %", "\N{NO-BREAK SPACE}%"), width, break_long_words=False)


_RULES = """\
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", "Liberation Sans", "DejaVu Sans", sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 28px 20px 60px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 20px 24px; margin-bottom: 18px; }
h1 { font-size: 26px; margin: 0 0 6px; }
h2 { font-size: 18px; margin: 0 0 10px; }
table { width: 100%; border-collapse: collapse; font-size: 13.5px; }
th { text-align: left; font-weight: 600; color: var(--soft); font-size: 12.5px; padding: 4px 8px; border-bottom: 1px solid var(--line); }
td { padding: 7px 8px; border-bottom: 1px solid var(--line); vertical-align: top; }
img { display: block; max-width: 100%; height: auto; }
a { color: var(--accent); }
"""  # noqa: E501


def stylesheet() -> str:
    """Return the CSS rules that every HTML report begins with: the palette as variables, and the common elements."""
    variables = " ".join(f"--{name}: {colour};" for name, colour in PALETTE.items())
    return f":root {{ color-scheme: light; {variables} }}\n{_RULES}"
