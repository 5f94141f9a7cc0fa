"""Progress of a training: a bar on a terminal, lines in a log."""

import sys
import time
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

LINE_SECONDS = 10.0


def clock(seconds: float) -> str:
    """`48 s`, `3:05` or `1:02:03`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"


class Progress:
    """The current stage of a training, shown on a console."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False)
        self._stage: str | None = None
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

    def begin(self, stage: str, total: int | None = None) -> None:
        """End the current stage and begin another; `total` is its number of rows, if known."""
        self.end()
        self._stage, self._total, self._done = stage, total, 0
        self._began = self._spoke = time.monotonic()
        if self.console.is_terminal:
            columns = [
                SpinnerColumn(), TextColumn("{task.description}"), BarColumn(24), MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"), TimeRemainingColumn(), TextColumn("{task.fields[note]}"),
            ]  # fmt: skip
            self._bar = Bar(*columns, console=self.console, transient=True)
            self._task = self._bar.add_task(stage, total=total, note="", rate="")
            self._bar.start()

    def advance(self, done: int, note: str = "") -> None:
        """Add `done` finished rows to the current stage."""
        self._done += done
        now = time.monotonic()
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, advance=done, note=note, rate=self._rate(now))
        elif now - self._spoke >= LINE_SECONDS:
            self._spoke = now
            self.say(f"{self._stage}: {self._share()}{self._rate(now)}{self._left(now)}{', ' + note if note else ''}")

    def end(self, how: str = "") -> None:
        """End the current stage and print its duration, with `how` before it."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = self._task = None
        if self._stage is None:
            return
        now = time.monotonic()
        self.say(f"{self._stage}: {how}{clock(now - self._began)}{', ' + self._rate(now) if self._done else ''}")
        self._stage = None

    def _share(self) -> str:
        return f"{100 * self._done / self._total:.0f} %, " if self._total else f"{self._done:,} rows, "

    def _rate(self, now: float) -> str:
        rate = self._done / max(now - self._began, 1e-3)
        return f"{rate:.1f} rows/s" if rate < 100 else f"{rate:,.0f} rows/s"

    def _left(self, now: float) -> str:
        if not self._total or not self._done:
            return ""
        return f", {clock((now - self._began) * max(self._total - self._done, 0) / self._done)} left"


def stdout_console() -> Console:
    """Return a console on standard output, for results; progress goes to standard error."""
    return Console(file=sys.stdout, highlight=False)


def show_step(text: str) -> None:
    """Print a step of a long operation, such as a rollout."""
    stdout_console().print(escape(text), soft_wrap=True)
