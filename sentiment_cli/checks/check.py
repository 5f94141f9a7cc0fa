"""The outcome of a check, and the runner: each check has a thread and a time limit, so that it cannot stop the rest."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from sentiment_common.errors import first_line

LIMIT_SECONDS = 60.0  # the services have shorter limits; this one catches a hang


class State(StrEnum):
    """The state of a check. `SKIP`: not checked, for a reason that another check names."""

    OK = "ok"
    SKIP = "skip"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """A check's name, state, finding and remedy."""

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


def run_probe(name: str, probe: Probe, limit: float = LIMIT_SECONDS) -> Check:
    """Run one probe. An exception becomes a failed check, and so does no answer within `limit` seconds."""
    outcome: list[Check] = []

    def work() -> None:
        try:
            outcome.append(probe())
        except ModuleNotFoundError as error:
            outcome.append(skip(name, f"needs {error.name}, which is not installed (see packages)"))
        except Exception as error:  # a check must never stop the others; its error is its finding
            outcome.append(fail(name, f"{type(error).__name__}: {first_line(error)}", "this is unexpected; report it"))

    thread = threading.Thread(target=work, name=f"check {name}", daemon=True)
    thread.start()
    thread.join(limit)
    if outcome:
        return outcome[0]
    return fail(name, f"no answer within {limit:.0f} s", "it hangs, or this machine is overloaded (uptime)")


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
    """Bind a probe's arguments."""
    return name, partial(function, *arguments)
