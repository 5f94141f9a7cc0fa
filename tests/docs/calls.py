"""Programs that precede the real ones on a page's PATH and record how each call ended.

The shell alone hides most failures: `curl -s` ends with 0 whatever the status, a pipe ends as its last command does,
and `|| true` ends with 0.
"""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

RECORD = "DOCS_CALLS"  # the file that the running fence's calls are recorded in
_CURL_PIPE_CLOSED = 23  # its reader, such as `head`, had enough
_SCRIPT = """#!/bin/bash
{before}{program} {options}"$@"
code=$?
printf '%s\\t%s\\t%s\\n' "$code" "{statuses}" "$(printf '%q ' {name} "$@")" >> "${record}"
exit $code
"""
_STATUSES = r"""$(sed -nE 's/^HTTP[^ ]* ([2-5][0-9]{2}).*/\1/p' "$heads" | paste -sd,)"""


@dataclass(frozen=True)
class Call:
    """A finished call: its exit code, and the statuses of its answers where it is one of curl."""

    code: int
    statuses: tuple[int, ...]
    command: str

    @property
    def is_request(self) -> bool:
        return self.command.startswith("curl ")


def put_before(folder: Path, name: str, program: Path) -> None:
    """Make `folder/name`, which runs the program with the same arguments and records the call."""
    curl = name == "curl"
    script = folder / name
    script.write_text(
        _SCRIPT.format(
            before='heads=$(mktemp "$DOCS_CALLS.XXXXXX")\n' if curl else "",
            program=shlex.quote(str(program)),
            options='--dump-header "$heads" ' if curl else "",
            statuses=_STATUSES if curl else "",
            name=name,
            record=RECORD,
        ),
        "utf-8",
    )
    script.chmod(0o755)


def calls(record: Path) -> list[Call]:
    """Return the calls of a record in the order in which they ended."""
    if not record.exists():
        return []
    rows = [line.split("\t", 2) for line in record.read_text("utf-8", errors="replace").splitlines()]
    return [Call(int(code), tuple(map(int, re.findall(r"\d+", found))), command) for code, found, command in rows]


def unexpected(made: Sequence[Call], exit_code: int, statuses: Sequence[int]) -> list[str]:
    """Yield one line for each call that ended differently from its page.

    Args:
        made: the calls of one fence.
        exit_code: the code that the fence is expected to end with; a call may end with it, or with 0.
        statuses: the statuses that the page announces; without any, every answer must be 2xx.
    """
    found = []
    for call in made:
        closed = call.is_request and call.code == _CURL_PIPE_CLOSED
        if call.code not in (0, exit_code) and not closed:
            found.append(f"ended with {call.code}: {call.command}")
        elif call.is_request and not call.statuses:
            found.append(f"got no status: {call.command}")
        elif not statuses:
            found += [f"was answered {status}: {call.command}" for status in call.statuses if not 200 <= status < 300]
    answered = [status for call in made for status in call.statuses]
    if statuses and answered != list(statuses):
        found.append(f"the answers are {answered}, and not {list(statuses)}")
    return found
