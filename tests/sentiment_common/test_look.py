"""The shared look: one palette with the page, titles that fit, and pictures that leave no trace in matplotlib."""

import re
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import pytest

from sentiment_common import look
from sentiment_common.pictures import figure, styled

PAGE_STYLE = Path(__file__).parents[2] / "frontend/src/index.css"


def _luminance(colour: str) -> float:
    """Relative luminance of #rrggbb (WCAG 2)."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _contrast(one: str, other: str) -> float:
    bright, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def test_the_palette_is_the_pages_light_theme() -> None:
    light = PAGE_STYLE.read_text().split(":root {", 1)[1].split("}", 1)[0]
    assert dict(re.findall(r"--([\w-]+): (#\w{6});", light)) == dict(look.PALETTE)
    assert f"--ink: {look.INK};" in look.stylesheet()


def test_colours_are_legible_and_distinct_without_their_hue() -> None:
    assert min(_contrast(colour, "#ffffff") for colour in (look.INK, look.SOFT, look.POSITIVE, look.NEGATIVE)) >= 4.5
    assert _contrast(look.MEASURED, look.COMPARED) >= 3


def test_a_title_wraps_and_a_number_keeps_its_percent_sign() -> None:
    lines = look.wrap_title("of the answers that are sure 95.1 % are right, and so on for a while", 3.0).split("\n")
    assert len(lines) > 1
    assert not any(line.startswith("%") or line.endswith("95.1") for line in lines)


@pytest.mark.parametrize("width", [4.7, 9.5])
def test_a_long_title_lies_inside_of_the_picture(width: float) -> None:
    title = "Weakest: with non-ASCII characters, 80.6 % (76.9 to 83.8 %), against 86.1 % on all test rows. " * 2

    @styled
    def draw() -> tuple[float, float, float, float, float]:
        drawn, _ = figure(width, 3, title)
        drawn.canvas.draw()
        box, axes = drawn._suptitle.get_window_extent(), drawn.axes[0].get_window_extent()
        return box.x0, drawn.bbox.width - box.x1, drawn.bbox.height - box.y1, box.y0 - axes.y1, axes.height

    before = mpl.rcParams["axes.titleweight"]
    left, right, above, below, height = draw()
    assert min(left, right, above, below) >= 0
    assert height > 2 * look.DOTS_PER_INCH
    assert mpl.rcParams["axes.titleweight"] == before != look.PICTURE_STYLE["axes.titleweight"]


def test_a_program_that_draws_nothing_loads_no_drawing_library() -> None:
    code = "import sys, sentiment_common.look, sentiment_common.pictures; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
