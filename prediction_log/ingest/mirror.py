"""The mirror: copies of the journal's sealed segments under SPILL_URI, so that rows outlive the pod and its disk."""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from prediction_log.errors import LogError
from prediction_log.ingest.replay import replay
from prediction_log.ingest.spill_store import Spilled, SpillStore, name_of, pack
from sentiment_common.settings import environment

log = logging.getLogger("prediction_log")

MIRROR_SECONDS = 2.0  # between two looks at the journal: the rows that a pod may lose with its disk
RETRY_SECONDS = (1.0, 30.0)  # first and longest pause after a failure
ADOPT_SECONDS = 300.0  # between two searches for segments of dead pods
QUIET = timedelta(minutes=5)  # a pod that mirrored nothing for this long counts as dead
_DROPS = 100_000  # names remembered for deletion during a store outage; a later replay deletes the rest


@dataclass(frozen=True, slots=True)
class MirrorStats:
    """Counts since the start: mirrored rows and bytes, rows of dead pods inserted, failed attempts."""

    rows: int = 0
    bytes: int = 0
    adopted: int = 0
    failures: int = 0


class Mirror:
    """A thread that copies the journal to the store; only `close` waits for the store.

    Args:
        uri: SPILL_URI.
        url: DATABASE_URL, for the segments of dead pods.
        database_up: called before a search for them.
        owner: this pod's name; the host name by default.
    """

    def __init__(
        self,
        uri: str,
        url: str,
        database_up: Callable[[], bool],
        *,
        owner: str | None = None,
        adopt_seconds: float = ADOPT_SECONDS,
        quiet: timedelta = QUIET,
    ) -> None:
        self._store = SpillStore(uri)
        self._owner = owner or environment().get("HOSTNAME") or socket.gethostname()
        self._url, self._database_up = url, database_up
        self._adopt_seconds, self._quiet = adopt_seconds, quiet
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._wanted: dict[str, Path] = {}
        self._drops: dict[str, None] = {}
        self._known: set[str] = set()
        self._rows = self._bytes = self._adopted = self._failures = 0
        self._failing: str | None = None
        self._pause, self._retry_at, self._adopt_at = RETRY_SECONDS[0], 0.0, 0.0
        self._reported: set[str] = set()
        self._deadline = float("inf")
        self._thread = threading.Thread(target=self._run, name="prediction-log-mirror", daemon=True)

    def start(self) -> None:
        """Start the thread without waiting for the store."""
        self._thread.start()

    @property
    def known(self) -> frozenset[str]:
        """Names of the segments that are mirrored or waiting."""
        with self._lock:
            return frozenset(self._known)

    def stats(self) -> MirrorStats:
        return MirrorStats(self._rows, self._bytes, self._adopted, self._failures)

    def keep(self, segments: Iterable[Path]) -> None:
        """Queue sealed segments to be mirrored."""
        with self._lock:
            for path in segments:
                self._wanted[path.name] = path
                self._known.add(path.name)
        self._wake.set()

    def drop(self, segment: str) -> None:
        """Queue the deletion of a segment's copy; its rows are in the database."""
        with self._lock:
            self._wanted.pop(segment, None)
            self._known.discard(segment)
            if len(self._drops) < _DROPS:
                self._drops[segment] = None
        self._wake.set()

    def close(self, seconds: float) -> int:
        """Mirror waiting segments within `seconds`; return how many still have no copy."""
        self._deadline = time.monotonic() + seconds
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(seconds)
        with self._lock:
            left = len(self._wanted)
        if left:
            log.error("prediction log: %d segments could not be mirrored to %s", left, self._store.base)
        return left

    def _run(self) -> None:
        while True:
            closing = self._deadline != float("inf")
            try:
                self._copy(closing)
                if not closing:
                    self._adopt()
            except Exception as error:  # the thread survives whatever a store raises
                self._failed(error)
            with self._lock:
                idle = not self._wanted and not self._drops
            if closing and (idle or time.monotonic() >= self._deadline):
                return
            if self._retry_at > time.monotonic():
                # A shorter pause while closing: time is short, and the next attempt may succeed.
                pause = RETRY_SECONDS[0] / 4 if closing else self._retry_at - time.monotonic()
            else:
                pause = min(self._adopt_seconds, max(0.0, self._adopt_at - time.monotonic()) or MIRROR_SECONDS)
            self._wake.wait(max(0.01, min(pause, self._deadline - time.monotonic())))
            self._wake.clear()

    def _copy(self, closing: bool) -> None:
        """Upload and delete waiting segments."""
        if time.monotonic() < self._retry_at and not closing:
            return
        while time.monotonic() < self._deadline:
            with self._lock:
                name, path = next(iter(self._wanted.items()), ("", None))
                gone = next(iter(self._drops), None)
            if path is not None:
                self._upload(name, path)
            elif gone is not None:
                self._store.delete(name_of(self._owner, gone))
                with self._lock:
                    self._drops.pop(gone, None)
            else:
                break
            self._well()

    def _upload(self, name: str, path: Path) -> None:
        try:
            segment = path.read_bytes()
        except FileNotFoundError:
            segment = b""  # replayed meanwhile
        key = name_of(self._owner, name)
        if segment:
            raw = pack(key, segment)
            self._store.put(key, raw)
            self._rows += segment.count(b"\n")
            self._bytes += len(raw)
        with self._lock:
            self._wanted.pop(name, None)

    def _adopt(self) -> None:
        """Insert the segments of dead pods into the database when the next search is due."""
        if time.monotonic() < max(self._adopt_at, self._retry_at) or not self._database_up():
            return
        self._adopt_at = time.monotonic() + self._adopt_seconds

        def wanted(segment: Spilled) -> bool:
            mine = segment.name.partition("/")[2] in self.known  # the local journal replays these
            return not mine and segment.name not in self._reported

        def proceed() -> bool:
            return self._database_up() and not self._wanted and self._deadline == float("inf")

        done = replay(self._url, self._store, quiet=self._quiet, wanted=wanted, proceed=proceed)
        self._adopted += done.rows
        if done.segments:
            log.info("prediction log: %d rows of dead pods inserted into the database", done.rows)
        for name, reason in done.left.items():
            if name not in self._reported:
                log.error("prediction log: %s/%s was not replayed: %s", self._store.base, name, reason)
        self._reported |= set(done.left)
        self._well()

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        self._retry_at = time.monotonic() + self._pause
        self._pause = min(self._pause * 2, RETRY_SECONDS[1])
        reason = str(error) if isinstance(error, LogError) else f"{type(error).__name__}: {error}"
        if reason != self._failing:  # logged once, not at each attempt
            log.error("prediction log: spilled rows cannot be mirrored: %s", reason)
        self._failing = reason

    def _well(self) -> None:
        if self._failing is not None:
            log.warning("prediction log: mirroring to %s resumed", self._store.base)
        self._failing, self._pause, self._retry_at = None, RETRY_SECONDS[0], 0.0
