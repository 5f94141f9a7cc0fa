"""Find out why a container does not run, from a pod's status as plain data."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Status = dict[str, Any]
Kind = Literal["image", "object", "container", "crash"]

LONGEST = 300
_WAITING: dict[str, Kind] = {
    "ErrImagePull": "image",
    "ImagePullBackOff": "image",
    "InvalidImageName": "image",
    "ErrImageNeverPull": "image",
    "CreateContainerConfigError": "object",
    "CreateContainerError": "container",
    "RunContainerError": "container",
    "CrashLoopBackOff": "crash",
}


@dataclass(frozen=True)
class Trouble:
    """Reason that a container does not run.

    Attributes:
        kind: image (cannot be pulled), object (missing), container (the node cannot create it)
            or crash (it ends repeatedly).
        restarts: number of restarts.
        detail: the cluster's message or, for a crash, the container's last line; may be empty.
    """

    kind: Kind
    container: str
    image: str
    restarts: int
    detail: str

    def __str__(self) -> str:
        if self.kind == "crash":
            return f"{self.container} ended {self.restarts} times" + (f": {self.detail}" if self.detail else "")
        return f"{self.container}: {self.detail}"


def containers_of(status: Status) -> Sequence[Status]:
    """Return the statuses of all containers in starting order."""
    return [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]


def last_words(container: Status) -> str:
    """Return the last line of an ended container's message, or the node's reason; empty if it has not ended."""
    for when in ("state", "lastState"):
        ended = (container.get(when) or {}).get("terminated")
        if ended:
            lines = (ended.get("message") or ended.get("reason") or "").strip().splitlines()
            return lines[-1][-LONGEST:] if lines else f"exit code {ended.get('exitCode')}"
    return ""


def trouble_of(status: Status) -> Trouble | None:
    """Return the first container that waits for something unlikely to appear, or None."""
    for container in containers_of(status):
        waiting = (container.get("state") or {}).get("waiting") or {}
        reason = str(waiting.get("reason", ""))
        kind = _WAITING.get(reason)
        if kind is None:
            continue
        message = " ".join(str(waiting.get("message") or "").split())[-LONGEST:]
        detail = last_words(container) if kind == "crash" else f"{reason}: {message}".removesuffix(": ")
        restarts = int(container.get("restartCount", 0))
        return Trouble(kind, str(container["name"]), str(container.get("image", "")), restarts, detail)
    return None
