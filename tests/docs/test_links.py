"""Every link of the repository's pages has a target."""

import re

import pytest

from .fences import ROOT
from .links import anchors, broken, links, markdown_files


@pytest.mark.parametrize("name", [page.relative_to(ROOT).as_posix() for page in markdown_files()])
def test_links_lead_somewhere(name: str) -> None:
    assert broken(ROOT / name, (ROOT / name).read_text("utf-8")) == []


def test_links_are_found() -> None:
    text = 'a [b](c.md#d "e") ![f](g.png) [![h](i.png)](j.md) `[k](l.md)` <img src="m.png">\n\n```\n[n](o.md)\n```\n'
    assert set(links(text)) >= {"c.md#d", "g.png", "j.md", "m.png"}
    assert not {"l.md", "o.md"} & set(links(text))


def test_broken_links_are_reported() -> None:
    text = "# X\n[a](#x) [b](#no) [c](nothing.md) [d](../../outside.md) [e](kubernetes.md#no) [f](https://x.example)"
    reported = [line.partition(":")[0] for line in broken(ROOT / "docs/eks.md", text)]
    assert reported == ["#no", "nothing.md", "../../outside.md", "kubernetes.md#no"]


def test_anchors_are_the_forges() -> None:
    assert anchors("# A/B, ensembles\n## `x` [y](z)\n## Same\n## Same\n```\n# not one\n```\n") == {
        "ab-ensembles",
        "x-y",
        "same",
        "same-1",
    }


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "findings").glob("*.sh")))
def test_a_finding_names_existing_tests(name: str) -> None:
    """Each `tests/FILE.py` or `tests/FILE.py::TEST` in a finding's header."""
    named = re.findall(r"(tests/[\w/]+\.py)(?:::(\w+))?", (ROOT / "findings" / name).read_text("utf-8"))
    for file, test in named:
        assert (ROOT / file).is_file(), file
        assert f"def {test}" in (ROOT / file).read_text("utf-8"), f"{file}::{test}"
