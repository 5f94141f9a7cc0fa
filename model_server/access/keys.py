"""API keys and their limits, from a file that holds only their hashes."""

import hashlib
import hmac
import logging
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from model_server.access.token_bucket import TokenBucket
from model_server.errors import Overloaded, StartError, Unauthenticated

log = logging.getLogger("model_server")
_CHECK_SECONDS = 1.0
_LONGEST_RETRY = 3600


class KeyEntry(BaseModel):
    """One key of the file: the sha256 of the key itself, and its limits in texts."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    texts_per_second: Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)] | None = None
    burst: Annotated[int, Field(ge=1, le=10**9)] | None = None
    admin: bool = False

    @model_validator(mode="after")
    def _burst_of_a_rate(self) -> "KeyEntry":
        if self.burst is not None and self.texts_per_second is None:
            raise ValueError("burst needs texts_per_second")
        return self


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    keys: tuple[KeyEntry, ...]

    @model_validator(mode="after")
    def _distinct(self) -> "_File":
        for field in ("name", "sha256"):
            values = [getattr(key, field) for key in self.keys]
            if len(set(values)) < len(values):
                raise ValueError(f"two keys have the same {field}")
        return self


class Key:
    """A known key and its budget of texts."""

    def __init__(self, entry: KeyEntry, now: float) -> None:
        self.entry = entry
        burst = entry.burst or max(1, math.ceil(entry.texts_per_second or 1))
        rate = entry.texts_per_second
        self.bucket = None if rate is None else TokenBucket(rate, burst, burst, now)

    def check(self, now: float) -> None:
        """Raise Overloaded while the key's limit is reached; a check costs nothing."""
        if self.bucket is not None and (wait := self.bucket.wait(now)):
            message = f"key {self.entry.name!r} has reached its {self.entry.texts_per_second:g} texts a second"
            raise Overloaded(message, min(math.ceil(wait), _LONGEST_RETRY))

    def charge(self, texts: int, now: float) -> None:
        """Pay for a request's texts, or raise Overloaded while the key's limit is reached."""
        self.check(now)
        if self.bucket is not None:
            self.bucket.charge(texts)


class KeyFile:
    """Keys of a file such as a mounted secret, read again when it changes; a damaged file leaves the former keys.

    Raises:
        StartError: the file cannot be read, or is not a key file.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self._clock = path, clock
        self._keys: list[Key] = []
        self._checked, self._signature = clock(), _signature(path)
        try:
            self._take(path.read_bytes())
        except (OSError, ValueError) as error:
            raise StartError(f"API_KEYS_FILE {path}: {_reason(error)}") from None

    def find(self, presented: str | None) -> Key:
        """Return the key of a secret.

        Every key is compared in constant time, so that the response time reveals nothing about them.

        Raises:
            Unauthenticated: the secret is missing or unknown.
        """
        self._reload_if_changed()
        if not presented:
            raise Unauthenticated("an API key is needed: send Authorization: Bearer KEY, or X-API-Key: KEY")
        digest = hashlib.sha256(presented.encode("utf-8", "surrogateescape")).hexdigest()
        found = None
        for key in self._keys:
            if hmac.compare_digest(key.entry.sha256, digest):
                found = key
        if found is None:
            raise Unauthenticated("this API key is not known here")
        return found

    def _reload_if_changed(self) -> None:
        now = self._clock()
        if now - self._checked < _CHECK_SECONDS:
            return
        self._checked = now
        signature = _signature(self._path)
        if signature == self._signature:
            return
        self._signature = signature
        try:
            self._take(self._path.read_bytes())
            log.info("API keys: %d read from %s", len(self._keys), self._path)
        except (OSError, ValueError) as error:
            log.error("API keys: the former %d stay; %s: %s", len(self._keys), self._path, _reason(error))

    def _take(self, raw: bytes) -> None:
        """Replace the keys by those of a file's content; an unchanged key keeps its bucket."""
        entries, before = _File.model_validate_json(raw).keys, {key.entry: key for key in self._keys}
        now = self._clock()
        self._keys = [before.get(entry) or Key(entry, now) for entry in entries]


def _signature(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_input=False)[0]
        return f"{'.'.join(map(str, first['loc'])) or 'file'}: {first['msg']}"
    return getattr(error, "strerror", None) or str(error)
