"""The model card's page: whole in one file."""

import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from training_job.card.html import render_page

CARD = """---
base_model: minilm
---

# A & B

On **2,000** test rows:

| Measure | This model |
| --- | --- |
| Accuracy | 86.10 % |

![84.1 % of "negative" reviews](plots/one.png)

<script src="https://example.com/x.js"></script>
"""


class _Elements(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attributes)))


@pytest.fixture
def page(tmp_path: Path) -> str:
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots/one.png").write_bytes(b"\x89PNG picture")
    return render_page(CARD, "A & B", tmp_path)


def test_the_page_contains_tables_and_pictures(page: str) -> None:
    elements = _Elements(page).found
    assert [tag for tag, _ in elements].count("td") == 2
    (image,) = [attributes for tag, attributes in elements if tag == "img"]
    assert base64.b64decode(str(image["src"]).removeprefix("data:image/png;base64,")) == b"\x89PNG picture"
    assert image["alt"] == '84.1 % of "negative" reviews'
    assert "base_model" not in page
    assert "<title>A &amp; B: model card</title>" in page


def test_the_page_fetches_nothing(page: str) -> None:
    elements = _Elements(page).found
    assert {tag for tag, _ in elements} & {"script", "link", "iframe", "object"} == set()
    sources = [
        str(value) for _, attributes in elements for name, value in attributes.items() if name in ("src", "href")
    ]
    assert all(source.startswith("data:") for source in sources)
    assert not re.search(r"url\(|@import", page)


def test_a_missing_picture_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"one\.png"):
        render_page(CARD, "x", tmp_path)
