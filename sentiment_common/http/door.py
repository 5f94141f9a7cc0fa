"""State that a server's connections share: how many there are, which are idle, and the bytes of their bodies."""

import asyncio
import threading
import time
from typing import Protocol

from sentiment_common.http.limits import HttpLimits

SWEEP_SECONDS = 0.25
SMALL_BODY = 65_536
_SILENT_SECONDS = 1.0  # a connection may make room for another once it has been silent for so long


class Guest(Protocol):
    """A connection, as the door sees it."""

    idle_since: float

    def look(self, now: float) -> None:
        """Act on the deadlines that have passed."""

    def leave(self) -> None:
        """Close an idle connection."""


class Door:
    """One a server. All but `claim` and `give_back` belong to the event loop's thread."""

    def __init__(self, limits: HttpLimits) -> None:
        self.limits = limits
        self.guests: set[Guest] = set()
        self.fresh: dict[Guest, None] = {}  # no request yet, the oldest first
        self.idle: dict[Guest, None] = {}  # between two requests, the longest idle first
        self.body_bytes = 0
        self._inflated = 0
        self._lock = threading.Lock()
        self._sweep: asyncio.TimerHandle | None = None

    def enter(self, guest: Guest) -> bool:
        """Take a new connection, in place of an idle one if need be; False where there is no room."""
        room = len(self.guests) < self.limits.connections or self._make_room()
        self.guests.add(guest)
        if room:
            self.fresh[guest] = None
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._look)
        return room

    def leave(self, guest: Guest) -> None:
        """Forget a connection that has ended."""
        self.guests.discard(guest)
        self.busy(guest)

    def busy(self, guest: Guest) -> None:
        """A connection is not idle any more."""
        self.fresh.pop(guest, None)
        self.idle.pop(guest, None)

    def _make_room(self) -> bool:
        silent = time.monotonic() - _SILENT_SECONDS
        for waiting in (self.fresh, self.idle):
            oldest = next(iter(waiting), None)
            if oldest is not None and oldest.idle_since <= silent:
                self.busy(oldest)
                oldest.leave()
                return True
        return False

    def _look(self) -> None:
        """Act on every deadline that has passed: one timer for all connections costs a request nothing."""
        self._sweep = None
        now = time.monotonic()
        for guest in list(self.guests):
            guest.look(now)
        if self.guests:
            self._sweep = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._look)

    def has_room_for(self, size: int, body: int) -> bool:
        """Do `size` more bytes of a body of `body` bytes fit beside the others?

        A part is kept for small bodies, so that some large uploads that stall do not lock out everyone else.
        """
        kept = 0 if body <= SMALL_BODY else self.limits.bodies // 8
        return self.body_bytes + self._inflated + size <= self.limits.bodies - kept

    def claim(self, size: int) -> bool:
        """Count bytes that a body has grown to as it was inflated, on any thread; False where they do not fit."""
        with self._lock:
            if not self.has_room_for(size, size):
                return False
            self._inflated += size
            return True

    def give_back(self, size: int) -> None:
        """Stop counting bytes that were claimed."""
        with self._lock:
            self._inflated -= size
