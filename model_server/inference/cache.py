"""Answers of identical texts: computed once for concurrent requests (single flight), and kept for later ones."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from model_server.metrics import CacheOutcome

T = TypeVar("T")


def text_key(text: str, way: str) -> bytes:
    """Return the key of an answer: a hash of the text's bytes and of its truncation. Texts are not kept."""
    return hashlib.blake2b(f"{way}\0{text}".encode("utf-8", "surrogatepass"), digest_size=32).digest()


@dataclass(slots=True, eq=False)
class _Flight(Generic[T]):
    """A computation in progress for some keys, and the number of requests that wait for it."""

    task: "asyncio.Task[dict[bytes, T]]"
    keys: list[bytes]
    waiting: int = 0


class AnswerCache(Generic[T]):
    """The last `size` answers, and computations in progress.

    A request for an answer that another request computes waits for that computation. It belongs to neither: it
    continues when one of its clients leaves, and ends when the last has left. A failure is raised in the request that
    began the computation, since it may concern that request alone; the other requests then compute their answers
    again. Failures are not kept.
    """

    def __init__(self, size: int, count: Callable[[CacheOutcome, int], None]) -> None:
        self._size, self._count = size, count
        self._answers: OrderedDict[bytes, T] = OrderedDict()
        self._flights: dict[bytes, _Flight[T]] = {}

    async def get(self, keys: Sequence[bytes], compute: Callable[[list[int]], Awaitable[Sequence[T]]]) -> list[T]:
        """Return the answer of each key, in order. Raises what `compute` raises.

        Args:
            compute: called with the positions of keys that are neither kept nor in progress; returns their answers.
        """
        found: dict[bytes, T] = {}
        while any(key not in found for key in keys):
            joined = self._look(keys, found)
            missing = {key: at for at, key in reversed(list(enumerate(keys))) if key not in found and key not in joined}
            if missing:
                self._count("miss", len(missing))
                found |= await self._wait(self._start(missing, compute))
            for flight in set(joined.values()):
                try:
                    found |= await self._wait(flight)
                except Exception:  # another request's failure
                    continue
        return [found[key] for key in keys]

    def _look(self, keys: Sequence[bytes], found: dict[bytes, T]) -> dict[bytes, _Flight[T]]:
        """Add the kept answers to `found`; return those in progress."""
        joined: dict[bytes, _Flight[T]] = {}
        for key in keys:
            if key in found or key in joined:
                continue
            if key in self._answers:
                self._answers.move_to_end(key)
                found[key] = self._answers[key]
                self._count("hit", 1)
            elif key in self._flights:
                joined[key] = self._flights[key]
                self._count("joined", 1)
        return joined

    async def _wait(self, flight: _Flight[T]) -> dict[bytes, T]:
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                self._forget(flight)  # first, so that no request joins a cancelled computation
                flight.task.cancel()

    def _start(self, missing: dict[bytes, int], compute: Callable[[list[int]], Awaitable[Sequence[T]]]) -> _Flight[T]:
        async def fly() -> dict[bytes, T]:
            answers = await compute(list(missing.values()))
            return dict(zip(missing, answers, strict=True))

        flight = _Flight(asyncio.ensure_future(fly()), list(missing))
        self._flights |= dict.fromkeys(missing, flight)
        flight.task.add_done_callback(lambda _: self._landed(flight))
        return flight

    def _landed(self, flight: _Flight[T]) -> None:
        self._forget(flight)
        if flight.task.cancelled() or flight.task.exception() is not None:
            return
        self._answers.update(flight.task.result())
        while len(self._answers) > self._size:
            self._answers.popitem(last=False)

    def _forget(self, flight: _Flight[T]) -> None:
        for key in flight.keys:
            if self._flights.get(key) is flight:
                del self._flights[key]
