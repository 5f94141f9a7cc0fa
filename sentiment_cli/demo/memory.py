"""Memory of this process and its descendants, sampled from a thread."""

import threading
from types import TracebackType
from typing import Self

import psutil

MIB = 1024**2


def tree_mib(root: psutil.Process) -> float:
    """Return the resident memory of a process and its descendants in MiB; shared pages count for each process."""
    total = 0
    for process in [root, *root.children(recursive=True)]:
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:  # the process ended after it was listed
            continue
    return total / MIB


class MemoryWatch:
    """A context in which a thread samples the process tree every `interval` seconds."""

    def __init__(self, interval: float = 0.25) -> None:
        self.interval = interval
        self.peak_mib = 0.0
        self._stage_peak = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory watch", daemon=True)

    def _watch(self) -> None:
        root = psutil.Process()
        while not self._stop.is_set():
            now = tree_mib(root)
            self.peak_mib = max(self.peak_mib, now)
            self._stage_peak = max(self._stage_peak, now)
            self._stop.wait(self.interval)

    def take_stage_peak(self) -> float:
        """Return the peak since the last call, in MiB."""
        peak, self._stage_peak = self._stage_peak, 0.0
        return peak

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join(5)
