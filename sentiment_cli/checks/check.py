"""One check's outcome, and how checks are run: each in a thread with a time limit, so that none breaks the rest."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

LIMIT_SECONDS = 60.0  # the services have shorter limits of their own; this one is for what hangs all the same


class State(StrEnum):
    """`SKIP`: it could not be looked at, for a reason that another check names."""

    OK = "ok"
    SKIP = "skip"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, how it is, what was found, and what to do about it."""

    name: str
    state: State
    found: str
    remedy: str = ""

    def as_dict(self) -> dict[str, str]:
        return {"name": self.name, "state": str(self.state), "found": self.found, "remedy": self.remedy}


Probe = Callable[[], Check]


def ok(name: str, found: str) -> Check:
    return Check(name, State.OK, found)


def skip(name: str, found: str) -> Check:
    return Check(name, State.SKIP, found)


def warn(name: str, found: str, remedy: str) -> Check:
    return Check(name, State.WARN, found, remedy)


def fail(name: str, found: str, remedy: str) -> Check:
    return Check(name, State.FAIL, found, remedy)


def plain(error: BaseException) -> str:
    """An error in one line; library errors may hold pages."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]


def run_probe(name: str, probe: Probe, limit: float = LIMIT_SECONDS) -> Check:
    """Run one probe. What it raises becomes a failed check; so does silence for `limit` seconds."""
    outcome: list[Check] = []

    def work() -> None:
        try:
            outcome.append(probe())
        except ModuleNotFoundError as error:
            outcome.append(skip(name, f"needs {error.name}, which is not installed (see packages)"))
        except Exception as error:  # a check must never stop the others; what it met is its finding
            outcome.append(fail(name, f"{type(error).__name__}: {plain(error)}", "this is unexpected; report it"))

    thread = threading.Thread(target=work, name=f"check {name}", daemon=True)
    thread.start()
    thread.join(limit)
    if outcome:
        return outcome[0]
    return fail(name, f"no answer within {limit:.0f} s", "what it asks hangs, or this machine is overloaded (uptime)")


def run_all(
    probes: Sequence[tuple[str, Probe]], on_check: Callable[[Check], None] | None = None, limit: float = LIMIT_SECONDS
) -> list[Check]:
    """Run probes in order."""
    checks = []
    for name, probe in probes:
        check = run_probe(name, probe, limit)
        checks.append(check)
        if on_check:
            on_check(check)
    return checks


def named(name: str, function: Callable[..., Check], *arguments: object) -> tuple[str, Probe]:
    """A probe with its arguments bound."""
    return name, partial(function, *arguments)
