"""A token bucket that may run into debt. Pure."""

from dataclasses import dataclass


@dataclass(slots=True)
class TokenBucket:
    """`rate` tokens a second, up to `burst` of them at once; times are monotonic seconds.

    A request passes while one token is left, and pays for all of its tokens, into debt if necessary. So a request that
    is larger than the burst can pass, and over a long time no client gets more than `rate`.
    """

    rate: float
    burst: float
    level: float
    at: float

    def wait(self, now: float) -> float:
        """Return the seconds until a token is available; 0 if one is."""
        self.level = min(self.burst, self.level + (now - self.at) * self.rate)
        self.at = now
        return max(0.0, (1 - self.level) / self.rate)

    def charge(self, tokens: float) -> None:
        """Pay for a request that did not have to wait."""
        self.level -= tokens
