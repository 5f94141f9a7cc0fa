"""A run's rows as a table for people, and as JSON for comparing servers."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from conformance.check import BASES, Row

# The JSON key of `Row.reason`, as in the committed reports in benchmarks/results.
REASON = "said"
_STYLES = {"pass": "green", "fail": "bold red", "skip": "yellow"}


def summary(rows: Sequence[Row]) -> dict[str, Any]:
    """Counts of outcomes for each basis, in all and by group."""
    counted = {}
    for basis in BASES:
        groups: dict[str, Counter[str]] = {}
        for row in rows:
            if row.basis == basis:
                groups.setdefault(row.group, Counter())[row.outcome] += 1
        total = sum(groups.values(), Counter())
        counted[basis] = {"total": dict(total), "groups": {name: dict(counts) for name, counts in groups.items()}}
    return counted


def _entry(row: Row) -> dict[str, Any]:
    return {REASON if name == "reason" else name: value for name, value in asdict(row).items()}


def write_json(rows: Sequence[Row], path: Path, server: dict[str, Any]) -> None:
    """Write the server's metadata, the summary and the rows."""
    document = {"server": server, "summary": summary(rows), "checks": [_entry(row) for row in rows]}
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def print_table(rows: Sequence[Row], console: Console, *, everything: bool) -> None:
    """Counts by group, and each check that failed (or each check at all)."""
    table = Table(title="Open Inference Protocol")
    for column in ("group", "pass", "fail", "skip"):
        table.add_column(column, justify="left" if column == "group" else "right")
    for basis, counted in summary(rows).items():
        for name, counts in [*counted["groups"].items(), (f"all of the {basis}", counted["total"])]:
            table.add_row(name, *(str(counts.get(outcome, 0)) for outcome in _STYLES))
        table.add_section()
    console.print(table)
    for row in rows:
        if everything or row.outcome == "fail":
            reason = f": {escape(row.reason)}" if row.reason else ""
            style = _STYLES[row.outcome]
            console.print(f"[{style}]{row.outcome}[/] {row.name} [dim]({escape(row.section)})[/]{reason}")
