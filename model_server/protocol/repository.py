"""The index of the model repository: one model, its version and its state, whatever the transport."""

from model_server.errors import InvalidInput
from model_server.lifecycle.phase import Phase
from sentiment_common.json_terms import json_type

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
    """Name, version, state and reason of the one model; with `ready`, nothing unless it is ready.

    Raises:
        InvalidInput: a repository was named; this server's has no name.
    """
    if repository:
        raise InvalidInput(f"repository_name is {repository!r}; the one repository here has no name, leave it out")
    entry = {"name": name, "version": version or "", "state": _STATES[phase], "reason": _REASONS.get(phase, "")}
    return [entry] if phase is Phase.READY or not ready else []


def wants_ready(document: dict[str, object]) -> bool:
    """`ready` of the body of `POST /v2/repository/index`. InvalidInput for anything else in it."""
    if unknown := set(document) - {"ready"}:
        raise InvalidInput(f"{sorted(unknown)[0]} is unknown; the repository's index takes 'ready'")
    ready = document.get("ready", False)
    if not isinstance(ready, bool):
        raise InvalidInput(f"ready is {json_type(ready)}; send true or false")
    return ready
