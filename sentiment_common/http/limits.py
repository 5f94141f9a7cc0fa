"""Bounds of an HTTP server, in one object."""

from dataclasses import dataclass
from typing import Self

from sentiment_common.http.settings import BodySettings, HttpSettings


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Bounds in time, size and number; sizes are in bytes, times in seconds."""

    keep_alive: float = 620.0
    connection_age: float = 300.0  # 0 for never
    connections: int = 1000
    head_time: float = 20.0
    body_time: float = 60.0
    body: int = 8 << 20
    """One request body, which the application checks; here it selects the refusal of a body that cannot fit."""
    bodies: int = 64 << 20
    """All request bodies in memory at once."""
    streams: bool = False
    """The application passes bodies on in pieces, so that what it has received is no longer in memory."""
    target: int = 8192
    field: int = 16_384
    head: int = 32_768
    fields: int = 100
    answer_stall: float = 60.0
    """A client that takes nothing of its answer for this long is disconnected."""
    linger: float = 5.0
    """A connection whose request was not read to its end reads and drops for this long, so that its answer arrives."""
    linger_bytes: int = 16 << 20
    drain_upload: float = 2.0
    """A request that is incomplete when the server stops has this long to become complete."""

    @classmethod
    def of(cls, settings: HttpSettings, *, streams: bool = False) -> Self:
        """Return the bounds that the settings give."""
        bodies = {}
        if isinstance(settings, BodySettings):
            bodies = {"body": settings.max_body_bytes, "bodies": settings.all_bodies_bytes}
        return cls(
            keep_alive=settings.keep_alive_seconds,
            connection_age=settings.connection_age_seconds,
            connections=settings.max_connections,
            head_time=settings.request_head_seconds,
            body_time=settings.request_body_seconds,
            streams=streams,
            **bodies,
        )
