"""Permissions of API keys, checked by both transports before a request is read."""

import enum
import time

from model_server.access.keys import Key, KeyFile
from model_server.errors import Forbidden, Overloaded, ServingError, Unauthenticated
from model_server.metrics import Metrics

_REASONS = {Unauthenticated: "unauthenticated", Forbidden: "forbidden", Overloaded: "rate_limit"}


class Need(enum.Enum):
    """Permission that a request needs: a known key, room for texts, or an administrator."""

    KNOWN = "known"
    TEXTS = "texts"
    ADMIN = "admin"


class Guard:
    """Admit or refuse requests by their key."""

    def __init__(self, keys: KeyFile, metrics: Metrics) -> None:
        self._keys, self._metrics = keys, metrics

    def admit(self, authorization: str | None, api_key: str | None, need: Need) -> Key:
        """Find the key of a request and check its permission.

        A request for texts is refused here while its key's limit is reached, before its body is read; the data plane
        charges its texts once they are known.

        Raises:
            Unauthenticated: the key is missing or unknown.
            Forbidden: the key is not an administrator's.
            Overloaded: the key has reached its limit.
        """
        scheme, _, bearer = (authorization or "").partition(" ")
        try:
            key = self._keys.find(bearer.strip() if scheme.lower() == "bearer" else api_key)
            if need is Need.ADMIN and not key.entry.admin:
                raise Forbidden(f"key {key.entry.name!r} may not load or unload models")
            if need is Need.TEXTS:
                key.check(time.monotonic())
        except ServingError as error:
            self._metrics.rejected.labels(_REASONS[type(error)]).inc()
            raise
        return key
