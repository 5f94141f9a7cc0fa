"""The model repository extension: its index of one model, and the release that a load names."""

import re
from typing import Any

from model_server.errors import InvalidInput
from model_server.lifecycle.phase import Phase
from sentiment_common.json_terms import json_text, json_type

RELEASE = "release"
_ID = re.compile("[0-9a-f]{1,16}")
_REASONS = {
    Phase.STARTING: "its release is being verified and loaded",
    Phase.UNLOADED: "it was unloaded",
    Phase.DRAINING: "the server is stopping",
}
_STATES = {
    Phase.STARTING: "LOADING",
    Phase.READY: "READY",
    Phase.UNLOADED: "UNAVAILABLE",
    Phase.DRAINING: "UNLOADING",
}


def model_index(
    name: str, version: str | None, phase: Phase, *, ready: bool = False, repository: str = ""
) -> list[dict[str, str]]:
    """Return name, version, state and reason of the one model; with `ready`, an empty list unless it is ready.

    Raises:
        InvalidInput: the request names a repository; that of this server has no name.
    """
    if repository:
        raise InvalidInput(f"repository_name is {repository!r}; the one repository here has no name, leave it out")
    entry = {"name": name, "version": version or "", "state": _STATES[phase], "reason": _REASONS.get(phase, "")}
    return [entry] if phase is Phase.READY or not ready else []


def wants_ready(document: dict[str, object]) -> bool:
    """Return `ready` of the body of `POST /v2/repository/index`; raise InvalidInput for anything else in it."""
    if unknown := set(document) - {"ready"}:
        raise InvalidInput(f"{sorted(unknown)[0]} is unknown; the repository's index takes 'ready'")
    ready = document.get("ready", False)
    if not isinstance(ready, bool):
        raise InvalidInput(f"ready is {json_type(ready)}; send true or false")
    return ready


def wanted_release(document: dict[str, Any]) -> str | None:
    """Return `parameters.release` of a load's body; raise InvalidInput for anything else in it."""
    if unknown := set(document) - {"parameters"}:
        raise InvalidInput(f"{sorted(unknown)[0]} is unknown; a load takes 'parameters' with 'release'")
    parameters = document.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise InvalidInput(f"parameters is {json_type(parameters)}; send an object")
    if unknown := set(parameters) - {RELEASE}:
        raise InvalidInput(f"parameters.{sorted(unknown)[0]} is unknown; a load takes 'release'")
    release = parameters.get(RELEASE)
    if release is not None and not (isinstance(release, str) and _ID.fullmatch(release)):
        raise InvalidInput(
            f"parameters.release is {json_text(release)}; send a release's id (16 hex digits) or its beginning"
        )
    return release
