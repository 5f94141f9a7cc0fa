"""Stages: each is timed, shown on the terminal and recorded; the first failure ends the demo."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from sentiment_cli.demo.memory import MemoryWatch
from sentiment_cli.demo.record import DemoRecord, StageRecord
from sentiment_cli.errors import CliError
from sentiment_common.errors import UserError

TITLES = {
    "data": "split the reviews",
    "train": "train and publish a release",
    "promote": "promote it to champion",
    "serve": "start the server",
    "agree": "ask by REST JSON, REST binary, gRPC, /predict",
    "like": "send traffic of the same kind",
    "foreign": "send foreign traffic",
    "log": "count the prediction log",
    "drift-like": "check drift on its own kind",
    "drift-foreign": "check drift on foreign traffic",
    "stop": "stop the server (SIGTERM)",
}


class StageFailed(CliError):
    """A stage failed; the record holds the stage, the reason and the log."""

    exit_code = 1


class Stage:
    """The running stage: its record, and the spinner's text."""

    def __init__(self, record: StageRecord, status: Status) -> None:
        self.record = record
        self._status = status

    def log(self, path: Path) -> Path:
        """Record the output file of this stage's program."""
        self.record.log = str(path)
        return path

    def progress(self, words: str) -> None:
        """Show the program's latest line beside the spinner (on a terminal only)."""
        self._status.update(f"{escape(self.record.title)} [dim]{escape(words[:90])}[/dim]")

    def describe(self, detail: str) -> None:
        """Set this stage's line in the account."""
        self.record.detail = detail


class Stages:
    """Run stages and keep their records in `record.stages`."""

    def __init__(self, record: DemoRecord, console: Console, memory: MemoryWatch) -> None:
        self.record, self.console, self.memory = record, console, memory
        self._by_name: Mapping[str, StageRecord] = {stage.name: stage for stage in record.stages}

    @contextmanager
    def stage(self, name: str) -> Iterator[Stage]:
        """Time the stage, and record its outcome.

        Raises:
            StageFailed: the stage raised a UserError or an OSError.
        """
        record = self._by_name[name]
        start = time.perf_counter()
        self.memory.take_stage_peak()
        record.outcome = "interrupted"
        if not self.console.is_terminal:  # no spinner shows the running stage here
            self.console.print(f"...             {escape(record.title)}", soft_wrap=True)
        try:
            with self.console.status(escape(record.title)) as status:
                yield Stage(record, status)
            record.outcome = "done"
        except Exception as error:
            record.outcome = "failed"
            if not isinstance(error, (UserError, OSError)):
                raise
            record.detail = str(error)
            raise StageFailed(f"stage `{name}` ({record.title}) failed: {error}") from error
        finally:
            record.seconds = time.perf_counter() - start
            record.peak_mib = self.memory.take_stage_peak()
            self._show(record)

    def _show(self, record: StageRecord) -> None:
        done = record.outcome == "done"
        mark = "[green]done  [/green]" if done else f"[red]{record.outcome}[/red]"
        detail = escape(record.detail.splitlines()[0]) if record.detail else ""
        self.console.print(f"{mark} {record.seconds:6.1f} s  {escape(record.title)}: {detail}", soft_wrap=True)


def new_stages() -> list[StageRecord]:
    """Return the records of all stages, `not reached`."""
    return [StageRecord(name, title) for name, title in TITLES.items()]
