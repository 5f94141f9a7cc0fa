"""Make the chart's README from the `# --` comments of its values.yaml: `python scripts/chart_docs.py [--check]`.

`--check` writes nothing and ends with 1 when the README is not what the values say.
"""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parents[1] / "charts/sentiment"
_KEY = re.compile(r"^(?P<indent> *)(?P<key>[A-Za-z_][\w.-]*):(?P<rest>.*)$")
_COMMENT = re.compile(r"^ *# ?(?P<text>.*)$")
_TITLE = re.compile(r"^# =+ (?P<title>.+)$")

HEAD = """# sentiment

{description} Version {version}, for Kubernetes {kubernetes} and Helm 4.

```sh
helm install sentiment charts/sentiment --namespace sentiment --create-namespace
```

[docs/kubernetes.md](../../docs/kubernetes.md) walks through an install, the parts that can be your own, experiments and
what an uninstall leaves. `values.schema.json` refuses unknown keys. An image takes `registry`, `tag` and `digest`
beside its `repository`.

This page is made from the comments of `values.yaml` by `scripts/chart_docs.py`.
"""


@dataclass(frozen=True)
class Entry:
    """A value: its section, dotted key, description and default."""

    section: str
    key: str
    text: str
    default: Any


class Undocumented(Exception):
    """A value without a `# --` comment."""


def entries(source: str) -> Iterator[Entry]:
    """Yield every documented value of a values.yaml in its order; a comment covers everything below its key.

    Raises:
        Undocumented: neither a value nor any key above it has a comment.
    """
    values = yaml.safe_load(source)
    path: list[tuple[int, str, bool]] = []  # indent, key, whether this key or a key above it has a comment
    section, text = "", ""
    for line in source.splitlines():
        if title := _TITLE.match(line):
            section = title["title"].strip().capitalize()
        elif comment := _COMMENT.match(line):
            line_text = comment["text"]
            if line_text.startswith("-- "):
                text = line_text.removeprefix("-- ")
            else:
                text = f"{text} {line_text}".strip() if text else ""
        elif found := _KEY.match(line):
            indent = len(found["indent"])
            while path and path[-1][0] >= indent:
                path.pop()
            covered = bool(path) and path[-1][2]
            path.append((indent, found["key"], covered or bool(text)))
            if not covered:
                key = ".".join(part for _, part, _ in path)
                default = _at(values, [part for _, part, _ in path])
                if text:
                    yield Entry(section, key, text, default)
                elif not isinstance(default, dict) or not default:
                    raise Undocumented(f"{key} has no `# --` comment in values.yaml")
            text = ""
        else:
            text = ""


def _at(values: Any, path: list[str]) -> Any:
    for part in path:
        values = values[part]
    return values


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def readme(source: str, chart: dict[str, Any]) -> str:
    """Return the README of a values.yaml and a Chart.yaml."""
    kubernetes = str(chart["kubeVersion"]).removeprefix(">=").removesuffix(".0-0") + " or later"
    parts = [HEAD.format(description=chart["description"], version=chart["version"], kubernetes=kubernetes)]
    section = None
    for entry in entries(source):
        if entry.section != section:
            section = entry.section
            parts.append(f"\n## {section}\n\n| value | default | what it is |\n|---|---|---|\n")
        default = json.dumps(entry.default, ensure_ascii=False)
        parts.append(f"| `{entry.key}` | `{_cell(default)}` | {_cell(entry.text)} |\n")
    return "".join(parts)


def main(arguments: list[str]) -> int:
    """Write the README, or compare it with `--check`; return the exit code."""
    try:
        text = readme(
            (CHART / "values.yaml").read_text("utf-8"), yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
        )
    except Undocumented as error:
        sys.stderr.write(f"{error}: write one that says what the value is\n")
        return 1
    page = CHART / "README.md"
    if "--check" not in arguments:
        page.write_text(text, "utf-8")
        return 0
    if page.is_file() and page.read_text("utf-8") == text:
        return 0
    sys.stderr.write(f"{page} is not what values.yaml says: run python scripts/chart_docs.py\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
