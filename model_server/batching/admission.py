"""Admission to the queue: drain rate of the engine, predicted wait, refusals. Pure."""

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
    lasting change is followed once it makes up half of the window. Batches weigh by their tokens, so the
    rate is that of a full queue rather than of lone short texts.
    """

    def __init__(self, tokens: int = 0, seconds: float = 0.0) -> None:
        """Start with one measurement, such as that of a warm-up; with none if `tokens` is 0."""
        self._batches: deque[tuple[int, float]] = deque(maxlen=_WINDOW)  # tokens, seconds per token
        self._rate = 0.0
        if tokens:
            self.measured(tokens, seconds)

    @property
    def per_second(self) -> float:
        """Tokens per second; 0 until a batch has been measured."""
        return self._rate

    def measured(self, tokens: int, seconds: float) -> None:
        """Add a batch of `tokens` (1 or more, padding not counted) that took `seconds`."""
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
    """Work ahead of a text submitted now.

    Attributes:
        texts, tokens: in the queue.
        running_tokens, running_seconds: in the engine, and for how long.
        overdue: seconds that the oldest text has waited beyond its predicted wait.
    """

    texts: int
    tokens: int
    running_tokens: int = 0
    running_seconds: float = 0.0
    overdue: float = 0.0

    def wait(self, rate: float) -> float:
        """Predicted wait in seconds at `rate` tokens per second; 0 while the rate is unknown.

        The error of the last prediction is added: a text of unusual length is overtaken by later ones that fit a
        batch better, and while the engine stalls its rate stays as it was.
        """
        if rate <= 0:
            return 0.0
        left = max(0.0, self.running_tokens - rate * self.running_seconds)
        return (self.tokens + left) / rate + max(0.0, self.overdue)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Reason why a request was not queued, and the whole seconds after which a retry makes sense."""

    reason: Reason
    message: str
    retry_after: int


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of the queue: waiting texts, and the predicted wait in seconds."""

    max_waiting: int
    max_wait: float

    def refusal(self, backlog: Backlog, texts: int, rate: float, time_left: float | None = None) -> Refusal | None:
        """Return the reason to refuse `texts` more texts, or None.

        An empty queue takes any request, however large: otherwise a large one could never be answered. `time_left` is
        the time until the request's deadline in seconds.
        """
        if not backlog.texts:
            return None
        wait = backlog.wait(rate)
        if time_left is not None and wait > time_left:
            message = (
                f"the wait is about {wait:.1f} s, which is over the {max(time_left, 0):.1f} s that the request has"
            )
            return Refusal("deadline", message, _whole(wait - max(time_left, 0)))
        if wait > self.max_wait:
            message = f"the wait is about {wait:.1f} s; the server queues up to {self.max_wait:g} s: try again later"
            return Refusal("wait", message, _whole(wait - self.max_wait))
        excess = backlog.texts + texts - self.max_waiting
        if excess > 0:
            message = f"{backlog.texts} texts wait already; try again later"
            return Refusal("queue", message, _whole(wait * min(1.0, excess / backlog.texts)))
        return None


def _whole(seconds: float) -> int:
    return min(max(1, math.ceil(seconds)), _LONGEST_RETRY)
