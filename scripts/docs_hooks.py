"""MkDocs' hook: pages made from files at the repository's root, and links from pages to files outside of docs/.

In the repository such a link is relative (`../charts/sentiment/README.md`), so that it works on the forge as it is. On
the site it leads to the forge, or to the page that is made from the file.
"""

import logging
import os
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

log = logging.getLogger("mkdocs.hooks.docs_hooks")  # under `mkdocs`, so that a warning ends a strict build
_FENCE = re.compile(r"^ *(```+|~~~+)")
ROOT_PAGES = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}  # file at the root → page
_LINK = re.compile(r"(?<=\]\()(?P<target>(?:\.\./)+[^)#\s]*)(?P<anchor>#[^)\s]*)?(?=\))")


def outside_links(text: str, page: Path, root: Path, forge: str) -> tuple[str, list[str]]:
    """Return the page's text with its outward links pointing at the forge, and the links without a target.

    Args:
        text: Markdown; fenced blocks stay unchanged.
        page: the page's path.
        root: the repository's root, whose `docs/` holds the pages.
        forge: the address of the root's files, without a slash at its end.
    """
    missing: list[str] = []

    def to_forge(link: re.Match[str]) -> str:
        place = Path(os.path.normpath(page.parent / link["target"]))
        if place.is_relative_to(root / "docs"):
            return link[0]
        if place.parent == root and place.name in ROOT_PAGES:
            target = root / "docs" / ROOT_PAGES[place.name]
            return os.path.relpath(target, page.parent) + (link["anchor"] or "")
        if not place.is_relative_to(root) or not place.exists():
            missing.append(link[0])
            return link[0]
        return f"{forge}/{place.relative_to(root).as_posix()}{link['anchor'] or ''}"

    lines, fence = text.split("\n"), ""
    for at, line in enumerate(lines):
        if mark := _FENCE.match(line):
            fence = "" if fence and mark[1].startswith(fence) else fence or mark[1]
        elif not fence:
            lines[at] = _LINK.sub(to_forge, line)
    return "\n".join(lines), missing


def from_root(text: str) -> str:
    """Return a text of the repository's root with its relative links rewritten for docs/."""
    text = re.sub(r"(?<=\]\()(?![a-z+]+:|#|docs/)(?=[^)\s])", "../", text)
    return re.sub(r"(?<=\]\()docs/", "", text)


def on_files(files: Any, *, config: Any, **_: Any) -> Any:
    """Add the pages that are made from files at the root (called by MkDocs)."""
    for name, page in ROOT_PAGES.items():
        text = (Path(config.docs_dir).parent / name).read_text("utf-8")
        files.append(File.generated(config, page, content=from_root(text)))
    return files


def on_page_markdown(markdown: str, *, page: Any, config: Any, **_: Any) -> str:
    """Rewrite a page's outward links (called by MkDocs)."""
    docs = Path(config.docs_dir)
    text, missing = outside_links(markdown, docs / page.file.src_path, docs.parent, config.extra["forge"])
    for link in missing:
        log.warning("%s links to %s, which is not in the repository", page.file.src_path, link)
    return text
