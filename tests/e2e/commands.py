"""Commands, waiting, port-forwards, and the record of each step's duration."""

import json
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[2]
NAMESPACE = os.environ.get("NAMESPACE", "sentiment")
console = Console(highlight=False, soft_wrap=True)
T = TypeVar("T")


class Failed(Exception):
    """A step did not show the required result."""


def run(*command: str | Path, timeout: float = 600, stdin: str | None = None, check: bool = True) -> str:
    """Return the standard output of a command.

    Raises:
        Failed: it ended otherwise than with 0; names the command and the end of what it printed.
    """
    done = subprocess.run(
        [str(part) for part in command], cwd=ROOT, input=stdin, capture_output=True, text=True, timeout=timeout
    )
    if check and done.returncode:
        output = "\n".join((done.stdout + done.stderr).strip().splitlines()[-25:])
        raise Failed(f"{' '.join(str(part) for part in command)} ended with {done.returncode}:\n{output}")
    return done.stdout


def shown(*command: str | Path, timeout: float = 1800, check: bool = True, **environment: str) -> int:
    """Run a command with visible output; return its exit code.

    Raises:
        Failed: it ended otherwise than with 0.
    """
    console.print(f"[dim]$ {' '.join(str(part) for part in command)}[/]")
    done = subprocess.run(
        [str(part) for part in command], cwd=ROOT, env={**os.environ, **environment}, timeout=timeout, check=False
    )
    if check and done.returncode:
        raise Failed(f"{' '.join(str(part) for part in command)} ended with {done.returncode}")
    return done.returncode


def kubectl(*arguments: str, **options: Any) -> str:
    """Return the standard output of kubectl in the namespace."""
    return run("kubectl", "--namespace", NAMESPACE, *arguments, **options)


def objects(kind: str, selector: str = "") -> list[dict[str, Any]]:
    """Return the objects of a kind, by label."""
    chosen = ("--selector", selector) if selector else ()
    found: dict[str, Any] = json.loads(kubectl("get", kind, *chosen, "--output", "json"))
    return list(found["items"])


def wait_for(question: Callable[[], T | None], what: str, seconds: float = 300, every: float = 2) -> T:
    """Return the first answer that is not None or False; a command that fails meanwhile is retried.

    Raises:
        Failed: no such answer arrived in time; names the last failure.
    """
    last: Exception | None = None
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            answer = question()
            if answer is not None and answer is not False:
                return answer
        except (Failed, OSError, ValueError, KeyError, subprocess.TimeoutExpired) as error:
            last = error
        time.sleep(every)
    raise Failed(f"waited {seconds:.0f} s in vain for {what}" + (f"; last: {last}" if last else ""))


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def forwarded(target: str, port: int) -> Iterator[int]:
    """Forward a local port to `target` (`svc/name`, `pod/name`) while the block runs."""
    local = _free_port()
    forward = subprocess.Popen(
        ["kubectl", "--namespace", NAMESPACE, "port-forward", target, f"{local}:{port}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )

    def open_port() -> bool:
        if forward.poll() is not None:
            assert forward.stderr is not None
            raise Failed(f"port-forward to {target}: {forward.stderr.read().strip()}")
        with closing(socket.create_connection(("127.0.0.1", local), timeout=2)):
            return True

    try:
        wait_for(open_port, f"port-forward to {target}", seconds=30, every=0.2)
        yield local
    finally:
        forward.terminate()
        forward.wait(10)


def get_json(url: str) -> Any:
    """Return the JSON document at an address."""
    with urllib.request.urlopen(url, timeout=30) as response:
        return json.loads(response.read())


@dataclass
class Account:
    """Seconds and findings of each step; written as JSON, shown as a table."""

    steps: list[dict[str, Any]] = field(default_factory=list)

    @contextmanager
    def step(self, title: str) -> Iterator[dict[str, Any]]:
        """Number and time a step; the dict that it fills is kept as its findings."""
        number = len(self.steps) + 1
        console.rule(f"[bold]{number}. {title}", align="left")
        entry: dict[str, Any] = {"step": number, "title": title, "found": {}}
        self.steps.append(entry)
        start = time.monotonic()
        try:
            yield entry["found"]
        finally:
            entry["seconds"] = round(time.monotonic() - start, 1)
        for name, value in entry["found"].items():
            console.print(f"  {name}: {value}")

    def show(self) -> None:
        table = Table("", "step", "seconds", "found", title="End to end", title_justify="left")
        for entry in self.steps:
            found = "; ".join(
                f"{name} {value}" for name, value in entry["found"].items() if not isinstance(value, dict | list)
            )
            table.add_row(str(entry["step"]), entry["title"], f"{entry['seconds']:.0f}", found)
        table.add_section()
        table.add_row("", "all", f"{sum(entry['seconds'] for entry in self.steps):.0f}", "")
        console.print(table)

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.steps, indent=1, ensure_ascii=False) + "\n", "utf-8")


def expect(claim: bool, otherwise: str) -> None:
    """Raises:
    Failed: the claim does not hold.
    """
    if not claim:
        raise Failed(otherwise)


def rows_of(query: str) -> list[Sequence[str]]:
    """Return the rows of a query, run in the pod of the bundled Postgres."""
    text = kubectl(
        "exec", "statefulset/sentiment-postgres", "--",
        "bash", "-c", 'psql --no-psqlrc -qAt -F "\t" -U "$POSTGRES_USER" -d "$POSTGRES_DB" -c "$0"', query,
    )  # fmt: skip
    return [line.split("\t") for line in text.splitlines() if line]
