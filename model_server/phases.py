"""Phases of a request: where its time went, for its `Server-Timing` header and its trace."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Phase = tuple[str, float, float]  # name, beginning and end in monotonic seconds
_phases: ContextVar[list[Phase] | None] = ContextVar("phases", default=None)


@contextmanager
def recording() -> Iterator[list[Phase]]:
    """Collect the phases of the request that runs in this block; a nested block shares the outer list."""
    if (outer := _phases.get()) is not None:
        yield outer
        return
    phases: list[Phase] = []
    token = _phases.set(phases)
    try:
        yield phases
    finally:
        _phases.reset(token)


def record(name: str, began: float, ended: float) -> None:
    """Add a phase to the current request; outside of a request nothing is recorded."""
    if (phases := _phases.get()) is not None:
        phases.append((name, began, ended))
