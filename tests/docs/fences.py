"""Fences of a Markdown page, and the marks on the line before them that control how they are run.

<!-- needs: cluster -->     not run here, for want of what is named (several: with commas between); see REASONS
<!-- background -->         keeps running: left in the background for the page's later fences
<!-- exit: 1 -->            is expected to end with that code
<!-- status: 400, 404 -->   its requests by curl are answered so, in this order; without the mark all are to be 2xx
<!-- output -->             on a fence of `text` or `json`: what the fence above it prints
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUNNABLE = ("sh", "python")
# Spellings of the shell that would otherwise slip through unrun.
OTHER_SHELLS = ("bash", "shell", "console", "zsh", "py", "python3")
REASONS = {
    "cluster": "a Kubernetes cluster",
    "cloud": "an account of a cloud",
    "docker": "Docker",
    "network": "other hosts",
    "node": "Node.js and the page's packages",
    "long": "more than about ten seconds",
    "own": "what only the reader has",
    "tritonclient": "tritonclient's own environment",  # run where that exists
}
# What may not be run unmarked, since it would act on more than the page's own folder.
OUTWARD = re.compile(
    r"^\s*(?:\w+=\S+ +)*(?P<call>make +(?!help)[a-z]|(?:python\S* +-m +)?pip\b|npm\b|git +(?!log|show|rev-parse)|docker\b"
    r"|kind\b|kubectl\b|helm\b|terraform\b|aws\b|sudo\b|sentiment +.*--cluster|(?:k8s|scripts)/\S+\.sh)",
    re.MULTILINE,
)
_MARK = re.compile(r"^ *<!-- *(?P<text>.*?) *-->$")
_OPEN = re.compile(r"^(?P<indent> *)(?P<ticks>```+)(?P<language>[^\s`{]*)")


class BadMark(Exception):
    """A fence with an unknown mark or language; the message names page, line and the remedy."""


@dataclass(frozen=True)
class Fence:
    """A fence and its mark; `line` is where it opens, counted from 1."""

    page: Path
    line: int
    language: str
    code: str
    needs: tuple[str, ...] = ()
    background: bool = False
    exit: int = 0
    statuses: tuple[int, ...] = ()
    output: bool = False

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def runnable(self) -> bool:
        return self.language in RUNNABLE


@dataclass
class _Open:
    line: int
    indent: int
    ticks: str
    language: str
    mark: str
    lines: list[str] = field(default_factory=list)


def pages() -> list[Path]:
    """Return README, CONTRIBUTING and every page of the documentation."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def fences(page: Path) -> list[Fence]:
    """Return a page's fences in order; raises as `parse` does."""
    return parse(page, page.read_text("utf-8"))


def parse(page: Path, text: str) -> list[Fence]:
    """Return the fences of a page's text in order.

    Raises:
        BadMark: it is unclear whether to run a fence.
    """
    found, open_, before = [], None, ""
    for number, line in enumerate(text.split("\n"), 1):
        if open_ is None:
            if opening := _OPEN.match(line):
                open_ = _Open(number, len(opening["indent"]), opening["ticks"], opening["language"], before)
        elif line.strip() == open_.ticks:
            found.append(_made(page, open_))
            open_ = None
        else:
            open_.lines.append(line[open_.indent :])
        before = line
    if open_ is not None:
        raise BadMark(f"{page.relative_to(ROOT)}:{open_.line}: the fence is not closed")
    return found


def _made(page: Path, one: _Open) -> Fence:
    place = f"{page.relative_to(ROOT)}:{one.line}"
    if one.language in OTHER_SHELLS:
        raise BadMark(f"{place}: write {' or '.join(RUNNABLE)} in place of {one.language}")
    marked = _MARK.match(one.mark)
    plain = Fence(page, one.line, one.language, "\n".join(one.lines) + "\n")
    if not (marked and marked["text"].startswith("needs")) and plain.runnable and (call := OUTWARD.search(plain.code)):
        raise BadMark(f"{place}: `{call['call'].strip()} …` acts on more than a folder; mark the fence `needs: REASON`")
    if not marked:
        return plain
    word, _, value = marked["text"].partition(":")
    settings: dict[str, object]
    match word.strip(), value.strip():
        case "needs", named if set(reasons := tuple(re.split(r", *", named))) <= REASONS.keys():
            settings = {"needs": reasons}
        case "background", "":
            settings = {"background": True}
        case "exit", number if number.isdigit():
            settings = {"exit": int(number)}
        case "status", numbers if re.fullmatch(r"[2-5]\d\d(, [2-5]\d\d)*", numbers):
            settings = {"statuses": tuple(map(int, numbers.split(", ")))}
        case "output", "" if one.language in ("text", "json"):
            return Fence(**vars(plain) | {"output": True})
        case _:
            raise BadMark(
                f"{place}: the mark {marked['text']!r} is not one of `needs: REASON` (of {', '.join(REASONS)}), "
                "`background`, `exit: CODE`, `status: STATUS`, or `output` on a fence of text or json"
            )
    if not plain.runnable:
        raise BadMark(f"{place}: a mark on a fence of {one.language or 'no language'}, which is never run")
    return Fence(**vars(plain) | settings)  # type: ignore[arg-type]
