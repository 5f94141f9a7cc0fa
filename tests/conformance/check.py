"""Checks, their registration, and the rows that a run of them yields."""

import functools
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from conformance.target import Target

Body = Callable[[Target], None]


class Failed(AssertionError):
    """The server did not do what the protocol says; the message says what it did."""


class Skipped(Exception):
    """The check does not apply: the message says what is missing."""


# PROTOCOL: the Open Inference Protocol, or an extension that the server declares, says so in its own words.
# PRACTICE: it leaves that open, and a careful server does so all the same: which of a client's mistakes are refused and
# with which status, HTTP and gRPC around it, clients as they are.
PROTOCOL, PRACTICE = "protocol", "practice"
BASES = (PROTOCOL, PRACTICE)


@dataclass(frozen=True)
class Check:
    """A named rule, the section of the specification it comes from, and the function that fails where it is broken.

    `basis`: one of `BASES`. `extension`: the check is skipped where the server does not declare that one in its metadata.
    """

    name: str
    group: str
    section: str
    extension: str | None
    basis: str
    body: Body


@dataclass(frozen=True)
class Row:
    """Outcome of a check: `pass`, `fail` or `skip`, with the reason unless it is a pass."""

    name: str
    group: str
    section: str
    basis: str
    outcome: str
    reason: str
    seconds: float


CHECKS: list[Check] = []


def group(title: str, basis: str) -> Callable[..., Callable[[Body], Body]]:
    """A decorator for the checks of one module: `@check(name, section, extension=None)`; `basis=` for one of another."""
    usual = basis

    def check(name: str, section: str, extension: str | None = None, *, basis: str = usual) -> Callable[[Body], Body]:
        if any(one.name == name for one in CHECKS):
            raise ValueError(f"two checks are called {name!r}")

        def register(body: Body) -> Body:
            CHECKS.append(Check(name, title, section, extension, basis, body))
            return body

        return register

    return check


def check_each(
    check: Callable[..., Callable[[Body], Body]], name: str, section: str, values: Sequence[str], **options: str
) -> Callable[[Callable[[Target, str], None]], Callable[[Target, str], None]]:
    """A decorator that registers a check for each of the values; `name` has one place for it."""

    def register(body: Callable[[Target, str], None]) -> Callable[[Target, str], None]:
        for value in values:
            check(name.format(value), section, **options)(functools.partial(_with, body, value))
        return body

    return register


def _with(body: Callable[[Target, str], None], value: str, target: Target) -> None:
    body(target, value)


def expect(holds: object, message: str) -> None:
    """Fail with `message` unless `holds` is true."""
    if not holds:
        raise Failed(message)


def shorten(value: object, limit: int = 160) -> str:
    """Return a value's `repr` for a message, cut to `limit` characters."""
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}…"


def run_one(check: Check, target: Target) -> Row:
    """Run a check against a server; an exception becomes the reason of its row."""
    started = time.perf_counter()
    outcome, reason = "pass", ""
    try:
        if check.extension and check.extension not in target.extensions:
            raise Skipped(f"the server does not declare the extension {check.extension!r}")
        check.body(target)
    except Skipped as skipped:
        outcome, reason = "skip", str(skipped)
    except Failed as failure:
        outcome, reason = "fail", str(failure)
    except Exception as error:  # a connection that broke, a body that is not JSON: the server's doing
        outcome, reason = "fail", f"{type(error).__name__}: {shorten(str(error), 300)}"
    seconds = round(time.perf_counter() - started, 3)
    return Row(check.name, check.group, check.section, check.basis, outcome, reason, seconds)


def run(target: Target, checks: Iterable[Check]) -> list[Row]:
    """Run the checks one after the other."""
    return [run_one(check, target) for check in checks]
