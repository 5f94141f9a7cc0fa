"""The documentation as a site: it builds without a warning, holds every page, and asks no other host for anything."""

import re
import subprocess
import sys
from pathlib import Path

import docs_hooks
import pytest

from .fences import ROOT

_LOADED = re.compile(
    r"<(?:script|img|link|iframe|source)\b[^>]*?\b(?:src|href)=\"?(?P<address>(?:https?:)?//[^\"\s>]+)[^>]*>"
)
FORGE = "https://forge.example/blob/main"


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_is_built(site: Path) -> None:
    for page in (ROOT / "docs").rglob("*.md"):
        assert (site / page.relative_to(ROOT / "docs").with_suffix(".html")).is_file()
    for page in docs_hooks.ROOT_PAGES.values():
        assert (site / page).with_suffix(".html").is_file()


def test_no_other_host_is_contacted(site: Path) -> None:
    loaded = {found[0] for page in site.rglob("*.html") for found in _LOADED.finditer(page.read_text("utf-8"))}
    assert {tag for tag in loaded if 'rel="canonical"' not in tag} == set()
    for page in site.rglob("*.html"):
        text = page.read_text("utf-8")
        assert 'class="mermaid"' not in text and "md-source" not in text, f"{page}: it would ask a CDN or the forge"
    for style in site.rglob("*.css"):
        assert not re.search(r"(?:@import|url\()\s*['\"]?(?:https?:)?//", style.read_text("utf-8"))


def test_a_wrapped_line_does_not_begin_a_list() -> None:
    """A line that begins with a number and a full stop, such as `503.`, becomes an item of a list and loses the number."""
    begun = [
        f"{page.relative_to(ROOT)}:{number}"
        for page in (ROOT / "docs").rglob("*.md")
        for number, line in enumerate(page.read_text("utf-8").splitlines(), 1)
        if re.match(r"\s*\d{2,}[.)] ", line)
    ]
    assert begun == []


def test_links_outside_lead_to_the_forge(site: Path) -> None:
    assert '/blob/main/charts/sentiment/README.md"' in (site / "kubernetes.html").read_text("utf-8")
    assert '/blob/main/sentiment_common/console.py"' in (site / "contributing.html").read_text("utf-8")


def test_links_to_pages_of_the_root_stay_on_the_site(site: Path) -> None:
    assert 'href="contributing.html#report-a-weakness"' in (site / "security.html").read_text("utf-8")
    assert 'href="../contributing.html"' in (site / "learning/day-11.html").read_text("utf-8")
    assert 'href="glossary.html"' in (site / "contributing.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("text", "rewritten", "missing"),
    [
        ("[a](../README.md#start)", f"[a]({FORGE}/README.md#start)", []),
        ("[a](../docs/eks.md) [b](eks.md)", "[a](../docs/eks.md) [b](eks.md)", []),
        ("[a](../CONTRIBUTING.md#tests)", "[a](contributing.md#tests)", []),
        ("[a](../nothing.md)", "[a](../nothing.md)", ["../nothing.md"]),
        ("```\n[a](../README.md)\n```", "```\n[a](../README.md)\n```", []),
    ],
)
def test_links_are_rewritten(text: str, rewritten: str, missing: list[str]) -> None:
    assert docs_hooks.outside_links(text, ROOT / "docs/index.md", ROOT, FORGE) == (rewritten, missing)
