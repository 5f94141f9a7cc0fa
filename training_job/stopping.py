"""SIGTERM and Ctrl-C, which end a training at once or after the operation that must not be interrupted."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

TERMINATED = 128 + signal.SIGTERM


class Interruptions:
    """A context in which SIGTERM raises SystemExit(143) and SIGINT KeyboardInterrupt.

    The exceptions close MLflow runs and remove scratch files. Code in `held` ends first. The context has an effect in
    the main thread only, which alone receives signals.
    """

    def __init__(self) -> None:
        self._depth = 0
        self._pending: int | None = None

    def __enter__(self) -> Self:
        self._before = {}
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._received) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _received(self, number: int, _: object) -> None:
        self._pending = number
        self._raise_unless_held()

    def _raise_unless_held(self) -> None:
        if self._depth or self._pending is None:
            return
        number, self._pending = self._pending, None
        raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(TERMINATED)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Delay a signal until the end of this context."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            self._raise_unless_held()
