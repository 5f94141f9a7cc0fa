"""Links of Markdown pages: to files, and to headings as the forge names them."""

import re
import subprocess
import urllib.parse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from .fences import ROOT

_FENCE = re.compile(r"^ *(`{3,}).*?^ *\1`* *$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
_LINK = re.compile(r"\]\(\s*<?([^)\s>]+)|\b(?:src|href)=\"([^\"]+)\"")
_HEADING = re.compile(r"^ {0,3}#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
_ELSEWHERE = re.compile(r"^[a-z][a-z0-9+.-]*:")


def markdown_files() -> list[Path]:
    """Return every page that the repository holds, or would hold if it were committed."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [path for path in (ROOT / line for line in listed.stdout.splitlines()) if path.exists()]


def anchors(text: str) -> set[str]:
    """Return the headings' anchors: lower case, without punctuation, `-` for a space, `-1` for the second of a name."""
    seen: Counter[str] = Counter()
    found = set()
    for heading in _HEADING.findall(_FENCE.sub("", text)):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        found.add(f"{name}-{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return found


def links(text: str) -> Iterator[str]:
    """Return the targets of a page's links and pictures, without links in code."""
    for one, other in _LINK.findall(_CODE.sub("", _FENCE.sub("", text))):
        yield one or other


def broken(page: Path, text: str) -> list[str]:
    """Return the links of a page's text without a file or heading. Other hosts are not queried."""
    found = []
    for link in links(text):
        if _ELSEWHERE.match(link):
            continue
        path, _, anchor = urllib.parse.unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.is_relative_to(ROOT) or not target.exists():
            found.append(f"{link}: there is no such file")
        elif anchor and anchor not in anchors(text if target == page else target.read_text("utf-8")):
            found.append(f"{link}: no such heading")
    return found
