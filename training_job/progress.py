"""What a person sees of a training: a bar on a terminal, lines in a log, and how long each stage took."""

import sys
import time
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from training_job.pipeline import TrainOutcome
    from training_job.promotion.promote import Promotion
    from training_job.publish import Publication
    from training_job.search import SearchOutcome

LINE_SECONDS = 10.0
_MEASURED = {
    "accuracy": "accuracy",
    "constant_accuracy": "a constant answer's accuracy",
    "balanced_accuracy": "balanced accuracy",
    "f1": "F1",
    "baseline_accuracy": "baseline's accuracy",
}


def clock(seconds: float) -> str:
    """`48 s`, `3:05` or `1:02:03`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"


class Progress:
    """Stages, one after the other; `seconds` tells what each took."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False)
        self.seconds: dict[str, float] = {}
        self._what: str | None = None
        self._total: int | None = None
        self._done = 0
        self._began = self._spoke = 0.0
        self._bar: Bar | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.end()
        else:
            self.end("stopped after " if issubclass(kind, Exception) else "interrupted after ")

    def say(self, text: str) -> None:
        """Print a line."""
        self.console.print(escape(text), soft_wrap=True)

    def begin(self, what: str, total: int | None = None) -> None:
        """End the stage before and begin another, of `total` rows where they can be counted."""
        self.end()
        self._what, self._total, self._done = what, total, 0
        self._began = self._spoke = time.monotonic()
        if self.console.is_terminal:
            columns = [
                SpinnerColumn(), TextColumn("{task.description}"), BarColumn(24), MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"), TimeRemainingColumn(), TextColumn("{task.fields[note]}"),
            ]  # fmt: skip
            self._bar = Bar(*columns, console=self.console, transient=True)
            self._task = self._bar.add_task(what, total=total, note="", rate="")
            self._bar.start()

    def advance(self, done: int, note: str = "") -> None:
        """So many more rows of the stage are done."""
        self._done += done
        now = time.monotonic()
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, advance=done, note=note, rate=self._rate(now))
        elif now - self._spoke >= LINE_SECONDS:
            self._spoke = now
            self.say(f"{self._what}: {self._share()}{self._rate(now)}{self._left(now)}{', ' + note if note else ''}")

    def end(self, how: str = "") -> None:
        """End the stage, and print its line; `how` stands before its seconds."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = self._task = None
        if self._what is None:
            return
        now = time.monotonic()
        seconds = now - self._began
        self.seconds[self._what] = self.seconds.get(self._what, 0.0) + seconds
        self.say(f"{self._what}: {how}{clock(seconds)}{', ' + self._rate(now) if self._done else ''}")
        self._what = None

    def _share(self) -> str:
        return f"{100 * self._done / self._total:.0f} %, " if self._total else f"{self._done:,} rows, "

    def _rate(self, now: float) -> str:
        rate = self._done / max(now - self._began, 1e-3)
        return f"{rate:.1f} rows/s" if rate < 100 else f"{rate:,.0f} rows/s"

    def _left(self, now: float) -> str:
        if not self._total or not self._done:
            return ""
        return f", {clock((now - self._began) * max(self._total - self._done, 0) / self._done)} left"


def _out() -> Console:
    return Console(file=sys.stdout, highlight=False)


def _table(rows: list[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, escape(value))
    return table


def show_outcome(outcome: "TrainOutcome") -> None:
    """Print what a training made, and what to do next."""
    rows = [("release", outcome.release_id), ("at", outcome.release_uri)]
    for name, title in _MEASURED.items():
        if metric := outcome.metrics.get(name):
            rows.append((title, f"{metric.value:.4f}  (95 %: {metric.low:.4f} to {metric.high:.4f})"))
    rows += [("missing", f"{part}: {reason}") for part, reason in outcome.missing.items()]
    rows += [
        ("served by default", outcome.default_variant),
        ("seconds", ", ".join(f"{name} {seconds:.0f}" for name, seconds in outcome.seconds.items())),
        ("MLflow run", outcome.run_id or "none, for MLFLOW_TRACKING_URI is none"),
    ]
    console = _out()
    console.print(_table(rows))
    if outcome.registry_problem:
        console.print(escape(f"not in MLflow's registry: {outcome.registry_problem}"), style="yellow", soft_wrap=True)
    if outcome.gate is not None:
        verdict, style = ("passed", "green") if outcome.gate.passed else ("failed: it stays the challenger", "yellow")
        console.print(Text.assemble(("gate ", ""), (verdict, style), f"; {outcome.gate.reason}"), soft_wrap=True)
    if outcome.promotion is not None:
        show_promotion(outcome.promotion)
    else:
        console.print(f"next: sentiment promote {outcome.release_id}", soft_wrap=True)


def show_search(outcome: "SearchOutcome") -> None:
    """Print the best trial of a search, and the training that it asks for."""
    rows = [
        ("search", f"{outcome.study} in {outcome.study_uri}"),
        ("trials", f"{outcome.done} complete, {outcome.pruned} pruned, {outcome.failed} diverged"),
        ("best", f"trial {outcome.best_trial}: loss {outcome.best_loss:.4f}, accuracy {outcome.best_accuracy:.4f}"),
        *((name, f"{value:.4g}" if isinstance(value, float) else str(value)) for name, value in outcome.best.items()),
    ]
    options = " ".join(
        f"--{name.replace('_', '-')} {value:.4g}" if isinstance(value, float) else f"--{name.replace('_', '-')} {value}"
        for name, value in outcome.best.items()
    )
    console = _out()
    console.print(_table(rows))
    console.print(f"next: sentiment train {options}", soft_wrap=True)


def show_step(text: str) -> None:
    """Print where a long work stands."""
    _out().print(escape(text), soft_wrap=True)


def show_publication(publication: "Publication") -> None:
    """Print where a release is now, and what to do next."""
    console = _out()
    rows = [("release", publication.release_id), ("at", publication.release_uri)]
    if publication.registry_version:
        rows.append(("MLflow", f"version {publication.registry_version} has the alias challenger"))
    console.print(_table(rows))
    if publication.registry_problem:
        console.print(
            escape(f"not in MLflow's registry: {publication.registry_problem}"), style="yellow", soft_wrap=True
        )
    console.print(f"{publication.folder} is no longer needed", soft_wrap=True)
    console.print(f"next: sentiment promote {publication.release_id}", soft_wrap=True)


def show_promotion(promotion: "Promotion") -> None:
    """Print which release is the champion now."""
    champion = promotion.champion
    verb = "is now" if promotion.changed else "was already"
    console = _out()
    console.print(f"{champion.id} {verb} the champion", soft_wrap=True)
    rows = [("before it", champion.previous or "none"), ("by", f"{champion.who}, {champion.when}")]
    rows.append(("golden inputs", f"answered within {promotion.golden_difference:.4f} of the recorded probabilities"))
    if promotion.registry_version:
        rows.append(("MLflow", f"version {promotion.registry_version} has the alias champion"))
    console.print(_table(rows))
    if promotion.registry_problem:
        console.print(escape(promotion.registry_problem), style="yellow", soft_wrap=True)
