"""Who may queue: how fast the engine drains, how long a newcomer would wait, when to refuse. Pure."""

import math
from collections import deque
from dataclasses import dataclass
from typing import Literal

_WINDOW = 32  # batches that the rate is measured over
_OUTLIER = 4.0  # a batch counts as at most this many times slower or faster than the middle one
_LONGEST_RETRY = 60
Reason = Literal["queue", "wait", "deadline"]


class DrainRate:
    """Tokens per second that leave the queue, over the last batches.

    The rate is all tokens over all seconds, with each batch's seconds per token first limited to within four times
    their token-weighted median (winsorised, see Tukey, 1962): one batch that the machine stalled moves it little, a
    lasting change is followed once it makes up half of the window. Batches weigh by their tokens, so it tells what a
    full queue gets rather than what lone short texts do.
    """

    def __init__(self, tokens: int = 0, seconds: float = 0.0) -> None:
        """Start with one measurement, such as that of a warm-up; with none if `tokens` is 0."""
        self._batches: deque[tuple[int, float]] = deque(maxlen=_WINDOW)  # tokens, seconds per token
        self._rate = 0.0
        if tokens:
            self.measured(tokens, seconds)

    @property
    def per_second(self) -> float:
        """0 until a batch was measured."""
        return self._rate

    def measured(self, tokens: int, seconds: float) -> None:
        """A batch of so many tokens (padding not counted, at least 1) took so long."""
        self._batches.append((tokens, max(seconds, 1e-6) / tokens))
        total = sum(weight for weight, _ in self._batches)
        middle = _weighted_median(self._batches, total / 2)
        low, high = middle / _OUTLIER, middle * _OUTLIER
        self._rate = total / sum(weight * min(max(slowness, low), high) for weight, slowness in self._batches)


def _weighted_median(weighted: deque[tuple[int, float]], half: float) -> float:
    seen = 0.0
    for weight, value in sorted(weighted, key=lambda pair: pair[1]):
        seen += weight
        if seen >= half:
            return value
    raise ValueError("no batch was measured")


@dataclass(frozen=True, slots=True)
class Backlog:
    """What stands before a newcomer: texts and tokens that wait, tokens in the engine and for how many seconds, and by
    how many seconds the oldest text has waited longer than was predicted for it."""

    texts: int
    tokens: int
    running_tokens: int = 0
    running_seconds: float = 0.0
    overdue: float = 0.0

    def wait(self, rate: float) -> float:
        """Predicted seconds until a newcomer's turn at `rate` tokens per second; 0 where no rate is known.

        What the last prediction is wrong by is added: a text of unusual length is overtaken by later ones that fit a
        batch better, and while the engine stalls its rate stays as it was.
        """
        if rate <= 0:
            return 0.0
        left = max(0.0, self.running_tokens - rate * self.running_seconds)
        return (self.tokens + left) / rate + max(0.0, self.overdue)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request was not queued, and after how many whole seconds it is worth another try."""

    reason: Reason
    said: str
    retry_after: int


@dataclass(frozen=True, slots=True)
class Limits:
    """Texts that may wait, and the longest predicted wait in seconds."""

    max_waiting: int
    max_wait: float

    def refusal(self, backlog: Backlog, texts: int, rate: float, time_left: float | None = None) -> Refusal | None:
        """Why `texts` more may not queue, or None.

        While nothing waits a request is always taken, however large it is: else it could never be answered. `time_left`
        is the seconds until the request's deadline.
        """
        if not backlog.texts:
            return None
        wait = backlog.wait(rate)
        if time_left is not None and wait > time_left:
            said = f"the wait is about {wait:.1f} s, which is over the {max(time_left, 0):.1f} s that the request has"
            return Refusal("deadline", said, _whole(wait - max(time_left, 0)))
        if wait > self.max_wait:
            said = f"the wait is about {wait:.1f} s; the server queues up to {self.max_wait:g} s: try again later"
            return Refusal("wait", said, _whole(wait - self.max_wait))
        excess = backlog.texts + texts - self.max_waiting
        if excess > 0:
            said = f"{backlog.texts} texts wait already; try again later"
            return Refusal("queue", said, _whole(wait * min(1.0, excess / backlog.texts)))
        return None


def _whole(seconds: float) -> int:
    return min(max(1, math.ceil(seconds)), _LONGEST_RETRY)
