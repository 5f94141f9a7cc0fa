"""SIGTERM and Ctrl-C: they end a training at once, except while something must become whole first."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

TERMINATED = 128 + signal.SIGTERM


class Interruptions:
    """Within this context SIGTERM raises SystemExit(143) and SIGINT KeyboardInterrupt, so that runs are closed and
    scratch files removed; what runs in `held` ends first. Outside of the main thread, which alone is told of signals,
    it changes nothing."""

    def __init__(self) -> None:
        self._depth = 0
        self._pending: int | None = None

    def __enter__(self) -> Self:
        self._before = {}
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._told) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _told(self, number: int, _: object) -> None:
        self._pending = number
        self._raise_unless_held()

    def _raise_unless_held(self) -> None:
        if self._depth or self._pending is None:
            return
        number, self._pending = self._pending, None
        raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(TERMINATED)

    @contextmanager
    def held(self) -> Iterator[None]:
        """A signal that comes meanwhile is raised at the end of this."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            self._raise_unless_held()
