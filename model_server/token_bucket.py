"""A token bucket that may run into debt. Pure."""

from dataclasses import dataclass


@dataclass(slots=True)
class TokenBucket:
    """`rate` tokens a second, up to `burst` of them at once; times are monotonic seconds.

    What a request costs is known only once it was read, so it enters for one token and pays the rest afterwards, into
    debt if need be: a request larger than the burst can pass, and over a long time nobody gets more than `rate`.
    """

    rate: float
    burst: float
    level: float
    at: float

    def enter(self, now: float) -> float:
        """Take one token: 0, or the seconds until there is one, and then nothing was taken."""
        self.level = min(self.burst, self.level + (now - self.at) * self.rate)
        self.at = now
        if self.level < 1:
            return (1 - self.level) / self.rate
        self.level -= 1
        return 0.0

    def charge(self, tokens: float) -> None:
        """Pay for what came with the request that entered."""
        self.level -= tokens
