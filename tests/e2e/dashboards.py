"""The dashboards' queries, with their variables filled in."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_INTERVALS = {"__rate_interval": "2m", "__interval": "1m", "__range": "1h"}
_VARIABLE = re.compile(r"\$\{?(\w+)(?::\w+)?\}?")


def panels(found: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield these panels, and the panels within rows."""
    for panel in found:
        yield panel
        yield from panels(panel.get("panels", []))


def _filled(query: str) -> str:
    """Fill in any value for a variable of the dashboard, a plain one for Grafana's own intervals."""
    return _VARIABLE.sub(lambda found: _INTERVALS.get(found.group(1), ".*"), query)


def queries(folder: Path) -> list[tuple[str, str]]:
    """Yield (dashboard: panel, PromQL) of every target of every panel."""
    return [
        (f"{path.stem}: {panel['title']}", _filled(target["expr"]))
        for path in sorted(folder.glob("*.json"))
        for panel in panels(json.loads(path.read_text("utf-8"))["panels"])
        for target in panel.get("targets", [])
    ]
