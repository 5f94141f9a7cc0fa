"""Stages of a training, timed here and shown by `Progress`."""

import time
from typing import Protocol

from training_job.progress import Progress


class Reporter(Protocol):
    """Receiver of a long operation's progress."""

    def begin(self, stage: str, total: int | None = None) -> None: ...
    def advance(self, done: int, note: str = "") -> None: ...
    def say(self, text: str) -> None: ...


class Stages:
    """Successive stages; `seconds` holds the time of each finished stage by name."""

    def __init__(self, progress: Progress) -> None:
        self.seconds: dict[str, float] = {}
        self._progress = progress
        self._stage: str | None = None
        self._began = 0.0

    def begin(self, stage: str, total: int | None = None) -> None:
        """End the current stage and begin another; `total` is its number of rows, if known."""
        self.end()
        self._progress.begin(stage, total)
        self._stage, self._began = stage, time.monotonic()

    def advance(self, done: int, note: str = "") -> None:
        """Add `done` finished rows to the current stage."""
        self._progress.advance(done, note)

    def say(self, text: str) -> None:
        """Print a line."""
        self._progress.say(text)

    def end(self) -> None:
        """End the current stage, if any."""
        if self._stage is None:
            return
        self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + time.monotonic() - self._began
        self._stage = None
        self._progress.end()
