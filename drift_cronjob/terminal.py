"""The outcome of a check, for a terminal or as JSON."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import datetime

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from drift_cronjob.outcome import DriftOutcome
from drift_cronjob.statistics.statistic import Outcome
from drift_cronjob.statistics.verdict import Verdict
from drift_cronjob.statistics.wording import number, title

_STYLES = {
    Verdict.STABLE: "green",
    Verdict.WARNING: "yellow",
    Verdict.DRIFT: "red",
    Verdict.NOT_ENOUGH_DATA: "dim",
}
_OUTCOME_STYLES = {Outcome.MATTERS: "red", Outcome.SIDE_EVIDENCE: "yellow", Outcome.SMALL: "yellow"}


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Show the current step beside a spinner on stderr; show nothing where stderr is not a terminal."""
    with Console(stderr=True).status("starting") as status:
        yield status.update


def print_to_stderr(line: str) -> None:
    """Print a line to stderr at once. A closed stderr is ignored, because it must not end the check."""
    with suppress(OSError):
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def to_json(outcome: DriftOutcome) -> str:
    """Return the outcome as one line of JSON."""

    def plain(value: object) -> str:
        if isinstance(value, datetime):
            return value.isoformat()
        raise TypeError(f"{type(value).__name__} has no JSON form")

    statistics = [asdict(statistic) | {"outcome": statistic.outcome} for statistic in outcome.statistics]
    document = asdict(outcome) | {"statistics": statistics, "exit_code": outcome.exit_code}
    return json.dumps(document, default=plain)


def _statistics(outcome: DriftOutcome) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for name in ("test", "effect", "matters from", "adjusted p", "outcome"):
        table.add_column(name, justify="left" if name in ("test", "outcome") else "right", no_wrap=True)
    for statistic in outcome.statistics:
        table.add_row(
            title(statistic.name),
            number(statistic.effect),
            number(statistic.effect_floor),
            f"{statistic.p_adjusted:.4f}",
            statistic.outcome.value,
            style=_OUTCOME_STYLES.get(statistic.outcome),
        )
    return table


def show(outcome: DriftOutcome) -> None:
    """Print the verdict, the tests, the report's address and the actions."""
    console = Console(highlight=False, markup=False)
    style = _STYLES[outcome.verdict]
    console.print(
        Panel(Text(outcome.reason), title=Text(outcome.verdict.value, style=f"bold {style}"), border_style=style)
    )
    console.print(
        f"release {outcome.release_id}, "
        f"{outcome.window_start:%Y-%m-%d %H:%M} to {outcome.window_end:%Y-%m-%d %H:%M} UTC, "
        f"{outcome.rows:,} rows, {outcome.texts:,} texts compared",
        style="dim",
        soft_wrap=True,
    )
    for note in outcome.notes:
        console.print(note, style="dim", soft_wrap=True)
    if outcome.statistics:
        console.print(_statistics(outcome))
    if outcome.report_path:
        console.print(f"report: {outcome.report_path}", soft_wrap=True)
    for action in outcome.actions:
        console.print(action, soft_wrap=True)
