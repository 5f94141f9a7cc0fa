"""The model card as one HTML file with its pictures inside, for a browser without a network."""

import base64
from html import escape
from pathlib import Path

from markdown_it import MarkdownIt

from sentiment_common import look

_RULES = """\
main h1 { margin-bottom: 12px; }
main h2 { margin-top: 34px; }
table { margin: 12px 0; } td { font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
img { margin: 16px 0; }
code { font-size: 0.92em; background: var(--well); border-radius: 4px; padding: 1px 4px; }
pre { background: var(--well); border-radius: 8px; padding: 12px 14px; overflow-x: auto; } pre code { padding: 0; }
"""


def _data_address(picture: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(picture.read_bytes()).decode("ascii")


def _without_front_matter(card: str) -> str:
    return card.split("\n---\n", 1)[1] if card.startswith("---\n") else card


def render_page(card: str, name: str, folder: Path) -> str:
    """Render a Markdown card, whose pictures are PNG files relative to `folder`, as a page; HTML in it stays text.

    Raises:
        OSError: a picture cannot be read.
    """
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(_without_front_matter(card))
    for image in (child for token in tokens for child in token.children or () if child.type == "image"):
        image.attrSet("src", _data_address(folder / str(image.attrGet("src"))))
    body = markdown.renderer.render(tokens, markdown.options, {})
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(name)}: model card</title>\n<style>\n{look.stylesheet()}{_RULES}</style>\n</head>\n"
        f'<body>\n<main>\n<article class="card">\n{body}</article>\n</main>\n</body>\n</html>\n'
    )
