"""The batching policy: the waiting texts that share a batch. Pure; `batcher` runs it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

# On a CPU a padded token costs as much as a real one, and rows gain little from sharing a batch: a text of 128 tokens
# takes 5.2 ms in a batch and 6.2 ms alone. So a row may be padded by at most this share of the longest row, and a short
# row by a few tokens, which cost less than another call of the engine.
PADDING_SHARE = 0.2
SLACK_TOKENS = 16


@dataclass(slots=True)
class Waiting(Generic[T]):
    """A text in the queue: its tokens and its arrival (monotonic seconds)."""

    item: T
    tokens: int
    since: float


def whole_rows(count: int) -> int:
    """Return the most rows up to `count` that a batch may have: 2^k or 3 * 2^k.

    The engine prepares kernels for every shape (rows and width) that it meets, which costs time and memory; with two
    numbers of rows an octave a mixed load meets a few dozen shapes, not hundreds.
    """
    octave = 1 << (count.bit_length() - 1)
    return octave + octave // 2 if octave > 1 and count >= octave + octave // 2 else octave


def alike(shortest: int, longest: int) -> bool:
    """Return whether rows between these lengths may share a batch."""
    return longest - shortest <= max(SLACK_TOKENS, PADDING_SHARE * longest)


class BatchQueue(Generic[T]):
    """Zero-delay batching under a token budget.

    Each batch is built around the text that waits longest, so a text waits for at most as many batches as there were
    texts before it; texts of near-equal length join, the nearest first, while the padded size stays within the budget
    and up to a number of `whole_rows`. No text waits for others: a batch is taken whenever the engine is free.
    """

    def __init__(self, max_tokens: int, dropped: Callable[[T], bool] = lambda _: False) -> None:
        self._max_tokens = max_tokens
        self._dropped = dropped
        self._waiting: list[Waiting[T]] = []
        self._tokens = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def oldest(self) -> float | None:
        """Arrival of the text that waits longest; None when the queue is empty."""
        return self._waiting[0].since if self._waiting else None

    @property
    def tokens(self) -> int:
        """Tokens in the queue."""
        return self._tokens

    def __iter__(self) -> Iterator[Waiting[T]]:
        return iter(self._waiting)

    def add(self, item: T, tokens: int, now: float) -> None:
        self._waiting.append(Waiting(item, tokens, now))
        self._tokens += tokens

    def forget_dropped(self) -> None:
        """Remove the dropped items."""
        self.remove(self._dropped)

    def remove(self, unwanted: Callable[[T], bool]) -> list[T]:
        """Remove the unwanted items and return them."""
        removed = [entry for entry in self._waiting if unwanted(entry.item)]
        if removed:
            self._leave({id(entry) for entry in removed})
        return [entry.item for entry in removed]

    def _leave(self, going: set[int]) -> None:
        self._waiting = [entry for entry in self._waiting if id(entry) not in going]
        self._tokens = sum(entry.tokens for entry in self._waiting)

    def take(self) -> list[Waiting[T]]:
        """Remove and return the next batch, built around the text that waits longest; forget dropped items."""
        self.forget_dropped()
        if not self._waiting:
            return []
        first = self._waiting[0].tokens
        chosen, longest, shortest = [0], first, first
        near = sorted(range(1, len(self._waiting)), key=lambda at: abs(self._waiting[at].tokens - first))
        for at in near:
            tokens = self._waiting[at].tokens
            long, short = max(longest, tokens), min(shortest, tokens)
            if alike(short, long) and (len(chosen) + 1) * long <= self._max_tokens:
                chosen.append(at)
                longest, shortest = long, short
        batch = [self._waiting[at] for at in sorted(chosen[: whole_rows(len(chosen))])]
        self._leave({id(entry) for entry in batch})
        return batch
