"""One page's commands, run as a reader runs them: in one shell, from top to bottom, in a separate folder."""

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kit.server_process import free_port

from .calls import RECORD, calls, put_before, unexpected
from .expected import differs
from .fences import ROOT, Fence

PORTS = {8080: "HTTP_PORT", 8081: "GRPC_PORT", 8088: "PAGE_PORT", 8090: "MONITOR_PORT"}
SECONDS = 150
_PLACE = re.compile(r"\b(localhost|127\.0\.0\.1):(" + "|".join(map(str, PORTS)) + r")\b")
# Addresses that a background fence must answer before the page continues.
_READY = {
    r"\bsentiment serve\b": (8080, "/v2/health/ready"),
    r"\bserve\b.*--ui\b": (8088, "/"),
    r"\bModelServer\b": (8080, "/v2/health/ready"),
    r"\bdrift monitor\b": (8090, "/healthz"),
}


@dataclass(frozen=True)
class Stand:
    """The surroundings of a page's commands: a store of two releases, a log, rows.

    Attributes:
        folder: its `var/`, `reviews.csv` and `held_out.csv` are copied for each page.
        ids: what the docs call a release → its real id.
    """

    folder: Path
    ids: dict[str, str]


class Session:
    """A folder, a shell, free ports."""

    def __init__(self, stand: Stand, work: Path, triton: Path | None) -> None:
        self.folder, self._logs, self._triton = work / "checkout", work / "fences", triton
        self._ids = stand.ids
        self._ports = {port: free_port() for port in PORTS}
        self.folder.mkdir(parents=True)
        self._logs.mkdir()
        for entry in ROOT.iterdir():
            if entry.name not in ("var", ".git", ".venv"):
                (self.folder / entry.name).symlink_to(entry)
        self._programs = self.folder / ".venv/bin"
        self._make_programs()
        shutil.copytree(stand.folder, self.folder, dirs_exist_ok=True)
        (self.folder / "var/demo").symlink_to(".")  # the demo leaves the same names in a separate folder

    def _make_programs(self) -> None:
        """Build an environment for the page: nothing can be installed into the real one, and its calls are recorded."""
        self._programs.mkdir(parents=True)
        real = Path(sys.executable).parent
        recorded = {name: real / name for name in ("sentiment", "python")} | {"curl": Path(shutil.which("curl") or "")}
        for name, program in recorded.items():
            put_before(self._programs, name, program)
        for program in real.iterdir():
            if program.name not in recorded and not program.name.startswith("activate"):
                (self._programs / program.name).symlink_to(program)
        (self._programs / "activate").write_text(f"PATH={shlex.quote(str(self._programs))}:$PATH\n", "utf-8")

    def environment(self) -> dict[str, str]:
        """Return the reader's environment with this checkout's programs, quiet, on separate ports, and without anything else."""
        ports = {name: str(self._ports[port]) for port, name in PORTS.items()}
        fixed = {
            "PATH": f"{self._programs}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "HOST": "127.0.0.1",
            "MONITOR_HOST": "127.0.0.1",
            "MLFLOW_TRACKING_URI": "none",  # its first use makes a database, which takes longer than all the rest
            "DRIFT_EVIDENTLY": "false",  # likewise
            "PIP_DRY_RUN": "1",
            "KUBECONFIG": os.devnull,
            "NO_PROXY": "localhost,127.0.0.1",
            "COLUMNS": "120",
            "NO_COLOR": "1",
        }
        return os.environ | fixed | ports

    def run(self, fences: Sequence[Fence]) -> list[str]:
        """Run the page's fences; return the problems, each with the fence's place and output."""
        script = self._logs / "page.sh"
        script.write_text("\n".join(self._steps(fences)) + "\nexit 0\n", "utf-8")
        with (self._logs / "page.log").open("wb") as log:
            shell = subprocess.Popen(
                ["bash", str(script)],
                cwd=self.folder,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            try:
                shell.wait(SECONDS)
            except subprocess.TimeoutExpired:
                pass
            finally:
                _end(shell)
        return list(self._problems(fences))

    def _steps(self, fences: Iterable[Fence]) -> Iterable[str]:
        for fence in fences:
            stem = self._stem(fence)
            code = _PLACE.sub(lambda place: f"{place[1]}:{self._ports[int(place[2])]}", fence.code)
            for word, release in self._ids.items():
                code = re.sub(rf"\b{word}\b", release, code)
            source, to = Path(f"{stem}.{fence.language}"), f"> {stem}.out 2> {stem}.err"
            source.write_text(code, "utf-8")
            yield f"export {RECORD}={stem}.calls"
            command = f"source {source}"
            if fence.language == "python":
                command = f"{shlex.quote(str(self._python(fence)))} {source}"
            if fence.background:
                yield f"( set -e; {command} ) {to} &"
                yield from (self._wait(port, path) for port, path in self._awaited(fence.code))
                yield f"echo 0 > {stem}.code"
            elif fence.exit:
                yield f"( set -e; {command} ) {to}; echo $? > {stem}.code"
            else:
                yield f"set -e; {command} {to}; set +e; echo 0 > {stem}.code"

    def _python(self, fence: Fence) -> Path:
        return self._triton if self._triton and "tritonclient" in fence.needs else Path(sys.executable)

    @staticmethod
    def _awaited(code: str) -> list[tuple[int, str]]:
        calls = re.sub(r"#.*", "", code)
        return [ready for pattern, ready in _READY.items() if re.search(pattern, calls)]

    def _wait(self, port: int, path: str) -> str:
        address = f"http://127.0.0.1:{self._ports[port]}{path}"
        return f"until {shutil.which('curl')} -fs -o /dev/null {address}; do kill -0 $! || exit 1; sleep 0.1; done"

    def _stem(self, fence: Fence) -> Path:
        return self._logs / f"line-{fence.line}"

    def _problems(self, fences: Iterable[Fence]) -> Iterable[str]:
        for fence in fences:
            stem = self._stem(fence)
            code = _text(Path(f"{stem}.code")).strip()
            if code != str(fence.exit):
                printed = "".join(_text(Path(f"{stem}.{end}"))[-3000:] for end in ("out", "err"))
                yield f"{fence.place} did not end with {fence.exit} (code {code or 'unknown'}):\n{fence.code}\n{printed}"
                return  # what follows depends on it
            if not fence.background:
                made = calls(Path(f"{stem}.calls"))
                yield from (f"{fence.place}: {line}" for line in unexpected(made, fence.exit, fence.statuses))

    def printed(self, fence: Fence) -> str:
        """Return a fence's standard output."""
        return _text(Path(f"{self._stem(fence)}.out"))


def unlike(session: Session, shown: Sequence[tuple[Fence, Fence]]) -> list[str]:
    """Return the outputs that differ from the page; `shown` pairs a fence with its output there."""
    problems = []
    for fence, output in shown:
        if problem := differs(output.code, output.language, session.printed(fence)):
            problems.append(f"{output.place}: {problem}\nprinted:\n{session.printed(fence)}")
    return problems


def _text(path: Path) -> str:
    return path.read_text("utf-8", errors="replace") if path.exists() else ""


def _end(shell: "subprocess.Popen[bytes]") -> None:
    """End the page's whole process group: politely, then by force."""
    for kind, patience in ((signal.SIGTERM, 10), (signal.SIGKILL, 5)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(shell.pid, kind)
        end = time.monotonic() + patience
        while time.monotonic() < end:
            shell.poll()
            try:
                os.killpg(shell.pid, 0)
            except ProcessLookupError:
                return
            time.sleep(0.05)
