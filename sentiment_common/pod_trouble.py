"""Why a container does not run, from a pod's status as plain data."""

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
    """What keeps a container from running.

    Attributes:
        kind: its image cannot be had; an object that it names is missing; the node cannot make it; it ends again and
            again.
        restarts: how often it was started again.
        detail: the cluster's words or, of a crash, the container's last ones; may be empty.
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
    """The statuses of all containers, in the order in which they start."""
    return [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]


def last_words(container: Status) -> str:
    """The last line of what a container that ended said, or the reason that the node gives; empty while none ended."""
    for when in ("state", "lastState"):
        ended = (container.get(when) or {}).get("terminated")
        if ended:
            lines = (ended.get("message") or ended.get("reason") or "").strip().splitlines()
            return lines[-1][-LONGEST:] if lines else f"exit code {ended.get('exitCode')}"
    return ""


def trouble_of(status: Status) -> Trouble | None:
    """The first container that waits for something that will hardly come; None where there is none."""
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
