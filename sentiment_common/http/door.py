"""State that a server's connections share: how many there are, which are idle, and the bytes of their bodies."""

import asyncio
import threading
import time
from collections.abc import Callable, Collection
from typing import Protocol

from sentiment_common.http.limits import HttpLimits

SWEEP_SECONDS = 0.25
SMALL_BODY = 65_536
MAX_REFUSED = 64  # connections over the limit that are answered at once; any more are dropped
# A client that ends its sending side so soon after its request, or up to twice as late, waits for the answer.
TICK_SECONDS = 0.02
_SILENT_SECONDS = 1.0  # a connection may make room for another once it has been silent for this long


class Guest(Protocol):
    """A connection, as the door sees it."""

    idle_since: float

    def look(self, now: float) -> None:
        """Act on the deadlines that have passed."""

    def leave(self) -> None:
        """Close an idle connection."""


class Upload(Protocol):
    """A body over `SMALL_BODY` that is still arriving."""

    held: int

    def give_way(self) -> None:
        """Refuse the rest of the body, and free its memory."""


class Door:
    """Shared state of a server's connections. All but `claim` and `give_back` belong to the event loop's thread."""

    def __init__(
        self, limits: HttpLimits, on_refusal: Callable[[int], None] = lambda _: None, origins: Collection[str] = ()
    ) -> None:
        self.limits = limits
        self.on_refusal = on_refusal  # receives the status of each answer that comes from the HTTP layer
        self.origins = origins  # whose pages may read answers; `*` for all
        self.guests: set[Guest] = set()
        self.refused: set[Guest] = set()  # over the limit, until their refusal has arrived
        self.fresh: dict[Guest, None] = {}  # no request yet, the oldest first
        self.idle: dict[Guest, None] = {}  # between two requests, the longest idle first
        self.uploads: dict[Upload, None] = {}  # the oldest first
        self.body_bytes = 0
        self._inflated = 0
        self._lock = threading.Lock()
        self._sweep: asyncio.TimerHandle | None = None
        self._tick = self._stamped = 0
        self._ticking = False

    def enter(self, guest: Guest) -> bool:
        """Accept a new connection, in place of an idle one if necessary; False where none has room."""
        room = len(self.guests) < self.limits.connections or self._make_room()
        if room:
            self.guests.add(guest)
            self.fresh[guest] = None
        self._look_soon()
        return room

    def turn_away(self, guest: Guest) -> bool:
        """Accept a connection only to refuse it; False where too many are being refused."""
        if len(self.refused) >= MAX_REFUSED:
            return False
        self.refused.add(guest)
        return True

    def leave(self, guest: Guest) -> None:
        """Forget a connection that has ended."""
        self.guests.discard(guest)
        self.refused.discard(guest)
        self.busy(guest)

    def busy(self, guest: Guest) -> None:
        """Record that a connection is no longer idle."""
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
        for guest in (*self.guests, *self.refused):
            guest.look(now)
        if self.guests or self.refused:
            self._look_soon()

    def _look_soon(self) -> None:
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._look)

    def stamp(self) -> int:
        """Return the current tick, for `is_past`."""
        self._stamped = self._tick
        if not self._ticking:
            self._ticking = True
            asyncio.get_running_loop().call_later(TICK_SECONDS, self._next_tick)
        return self._tick

    def _next_tick(self) -> None:
        self._tick += 1
        self._ticking = self._tick <= self._stamped + 1
        if self._ticking:
            asyncio.get_running_loop().call_later(TICK_SECONDS, self._next_tick)

    def is_past(self, stamp: int) -> bool:
        """Report whether two ticks have passed; between them even a busy event loop has checked its sockets."""
        return self._tick > stamp + 1

    def has_room_for(self, size: int, body: int) -> bool:
        """Report whether `size` more bytes of a body of `body` bytes fit beside the others.

        A part is kept for small bodies, so that some large uploads that stall do not lock out everyone else.
        """
        return self._bytes_over(size, body) <= 0

    def _bytes_over(self, size: int, body: int) -> int:
        kept = 0 if body <= SMALL_BODY else self.limits.bodies // 8
        return self.body_bytes + self._inflated + size - (self.limits.bodies - kept)

    def make_room(self, upload: Upload, size: int, body: int) -> bool:
        """Let `size` more bytes of `upload` in, at the cost of the youngest uploads; False where they do not fit.

        Uploads that begin together would otherwise grow together until none of them fits. Memory is not reserved by
        the announced length: a client that announces much and sends nothing would keep others out until its deadline.
        By the bytes that have arrived, a slow upload holds only these, and the oldest upload always gets on.
        """
        over, chosen = self._bytes_over(size, body), []
        if over <= 0:
            return True
        if upload not in self.uploads:
            return False  # it is small, or has just grown large and is the youngest
        for younger in reversed(self.uploads):
            if over <= 0 or younger is upload:
                break
            chosen.append(younger)
            over -= younger.held
        if over > 0:
            return False
        for younger in chosen:
            younger.give_way()
        return True

    def claim(self, size: int, body: int) -> bool:
        """Count `size` more bytes of a body that grows to `body` bytes, on any thread; False where they do not fit."""
        with self._lock:
            if not self.has_room_for(size, body):
                return False
            self._inflated += size
            return True

    def give_back(self, size: int) -> None:
        """Stop counting bytes that were claimed."""
        with self._lock:
            self._inflated -= size
