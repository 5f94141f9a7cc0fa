"""Settings of every HTTP server: the life and number of its connections, and the time for a request."""

from pydantic import Field

from sentiment_common.settings import Settings


class HttpSettings(Settings):
    """Connections and the time in which a request must arrive."""

    keep_alive_seconds: float = Field(620.0, gt=0, le=86_400)
    """How long an idle HTTP connection stays open. Longer than the load balancer in front keeps its own: 60 s for AWS's
    ALB, 600 s for Google Cloud's; a shorter time gives 502 there."""
    connection_age_seconds: float = Field(300.0, ge=0, le=604_800)
    """After this time, give or take a tenth, the server asks a client to connect again, so that clients reach new
    replicas; 0 for never. REST does so by `Connection: close` on an answer, gRPC by GOAWAY."""
    max_connections: int = Field(1000, ge=16, le=100_000)
    """HTTP connections at once. One more closes the connection that has been idle longest; where none is idle, it gets
    503."""
    request_head_seconds: float = Field(20.0, gt=0, le=3600)
    """From the first byte of a request until its last header, or it is answered 408."""
    request_body_seconds: float = Field(60.0, gt=0, le=3600)
    """From the last header of a request until the last byte of its body, or it is answered 408."""


class BodySettings(HttpSettings):
    """The settings above, and the size of the bodies that a server keeps in memory."""

    max_body_bytes: int = Field(8_388_608, ge=1024)
    """Bytes of one request's body, REST and gRPC."""
    max_bodies_bytes: int = Field(0, ge=0)
    """Bytes of all HTTP bodies in memory at once, counted after gzip is undone; above it requests are answered 503.
    Messages of gRPC, where it is served, have as much until their calls end; above it calls end with UNAVAILABLE. An
    eighth is kept for bodies up to 64 KiB; of larger ones that arrive together the oldest fit. 0 takes eight times
    MAX_BODY_BYTES; the least is two and a half times."""

    @property
    def all_bodies_bytes(self) -> int:
        """Return the bound on all bodies, which admits at least one body received and inflated in full."""
        return max(self.max_bodies_bytes or 8 * self.max_body_bytes, 5 * self.max_body_bytes // 2)
