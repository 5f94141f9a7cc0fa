"""Report phrases that STYLE refuses: `python scripts/words.py [--write] [FILE ...]`.

`words.toml` lists the phrases and their replacements. `words_allowed.json` lists how many a folder may still contain; a
folder that is not listed may contain none. `--write` lowers the allowances to today's counts, and never raises one.
"""

import json
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
ALLOWED = ROOT / "scripts/words_allowed.json"
_TEXTS = frozenset(".cfg .conf .css .html .json .md .py .sh .sql .tf .toml .tpl .ts .tsx .txt .yaml .yml".split())
# Generated files, measured results, and the list with its test.
_LEFT_OUT = re.compile(
    r"^(benchmarks/results/|docs/reference/|findings/|frontend/(package-lock|openapi/|src/api/.*\.gen\.ts)|k8s/manifests/|lock/"
    r"|charts/sentiment/README\.md$|scripts/words|tests/test_words\.py$)"
)


class Phrase(NamedTuple):
    pattern: re.Pattern[str]
    say: str
    endings: tuple[str, ...]


def phrases() -> list[Phrase]:
    """Read the list, each pattern compiled."""
    entries = tomllib.loads((ROOT / "scripts/words.toml").read_text("utf-8"))["phrase"]
    return [Phrase(_compiled(entry["pattern"]), entry["say"], tuple(entry.get("only", ()))) for entry in entries]


def _compiled(pattern: str) -> re.Pattern[str]:
    whole = re.fullmatch(r"\{(.*)\}", pattern)
    if whole is None:
        return re.compile(pattern)
    words = whole[1].replace(" ", r"(?:[ _]|\s*\n[\s#*/]*)")
    return re.compile(rf"(?<![A-Za-z])(?:{words})(?![A-Za-z])", re.IGNORECASE)


def hits(text: str, name: str, listed: list[Phrase]) -> Iterator[str]:
    """Yield one message for each phrase in a file's text."""
    for phrase in listed:
        if phrase.endings and not name.endswith(phrase.endings):
            continue
        for match in phrase.pattern.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            found = " ".join(match[0].strip('"').split())
            yield f'{name}:{line}: "{found}": {phrase.say}'


def folder(name: str) -> str:
    """Return the folder whose allowance a file counts against: the first level, two levels in tests/."""
    parts = name.split("/")
    depth = 2 if parts[0] == "tests" else 1
    return "/".join(parts[: min(depth, len(parts) - 1)]) or "."


def tracked() -> list[str]:
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    names = listing.splitlines()
    return [name for name in names if not _LEFT_OUT.match(name) and (Path(name).suffix in _TEXTS or name == "Makefile")]


def main(arguments: list[str]) -> int:
    listed = phrases()
    found: dict[str, list[str]] = defaultdict(list)
    for name in [argument for argument in arguments if argument != "--write"] or tracked():
        if (ROOT / name).is_file():
            found[folder(name)].extend(hits((ROOT / name).read_text("utf-8"), name, listed))
    allowed: dict[str, int] = json.loads(ALLOWED.read_text("utf-8"))
    if "--write" in arguments:
        lowered = {name: min(count, len(found[name])) for name, count in allowed.items() if found[name]}
        ALLOWED.write_text(json.dumps(lowered, indent=2) + "\n", "utf-8")
        return 0
    over = {name: messages for name, messages in found.items() if len(messages) > allowed.get(name, 0)}
    for name, messages in sorted(over.items()):
        messages.append(f"{name}: {len(messages)} phrases, {allowed.get(name, 0)} allowed; reword the text")
        sys.stdout.write("\n".join(messages) + "\n")
    clean = [name for name in allowed if not found[name]] if not arguments else []
    for name in clean:
        sys.stdout.write(f"scripts/words_allowed.json: {name} is clean; remove its allowance with --write\n")
    return 1 if over or clean else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
