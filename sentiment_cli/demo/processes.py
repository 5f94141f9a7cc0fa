"""The programs as processes: run to their end, or, for the server, until it is stopped."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx

from sentiment_cli.errors import CliError

START_SECONDS = 300.0  # far more than a start takes on an idle machine
STOP_SECONDS = 60.0
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class ProgramFailed(CliError):
    """A program failed; the message holds its last lines of output."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished program: its exit code, duration in seconds, and output."""

    code: int
    seconds: float
    output: str


def free_ports(count: int) -> list[int]:
    """Find ports that are free now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def last_words(text: str, count: int = 6) -> str:
    """Return the last non-empty lines, without colours."""
    lines = [line.strip() for line in _ANSI.sub("", text).replace("\r", "\n").splitlines()]
    return "\n".join([line for line in lines if line][-count:])


def run_program(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    log: Path,
    *,
    expected: Sequence[int] = (0,),
    on_line: Callable[[str], None] | None = None,
) -> Finished:
    """Run `python -m …` with its output in `log`, and call `on_line` with each line.

    Raises:
        ProgramFailed: its exit code is not in `expected`.
    """
    start = time.perf_counter()
    command = [sys.executable, "-m", *arguments]
    with log.open("w", encoding="utf-8") as stream:
        process = subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        try:
            _copy(process.stdout, stream, on_line)
            code = process.wait()
        finally:
            stop_process(process)
    finished = Finished(code, time.perf_counter() - start, log.read_text("utf-8"))
    if code not in expected:
        raise ProgramFailed(
            f"`{' '.join(arguments[:2])}` ended with {describe_exit(code)}:\n{last_words(finished.output)}"
        )
    return finished


def _copy(source: IO[str] | None, log: IO[str], on_line: Callable[[str], None] | None) -> None:
    for line in source or ():
        log.write(line)
        log.flush()
        if on_line and (words := last_words(line, 1)):
            on_line(words)


def describe_exit(code: int) -> str:
    """Format an exit as `exit code 2` or `signal SIGTERM`."""
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def stop_process(process: subprocess.Popen[str], seconds: float = 10.0) -> int:
    """Send SIGTERM, then SIGKILL after `seconds`; return the exit code."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    return int(process.returncode)


class ServerProcess:
    """`sentiment serve` as a child process."""

    def __init__(self, environment: Mapping[str, str], log: Path, http_port: int, grpc_port: int) -> None:
        self.log = log
        self.url, self.grpc_target = f"http://127.0.0.1:{http_port}", f"127.0.0.1:{grpc_port}"
        command = [sys.executable, "-m", "sentiment_cli", "serve"]
        command += ["--http-port", str(http_port), "--grpc-port", str(grpc_port)]
        with log.open("wb") as stream:
            self.process = subprocess.Popen(
                command, env=dict(environment), stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, text=True
            )

    def wait_ready(self, seconds: float = START_SECONDS) -> float:
        """Wait until `GET /v2/health/ready` answers 200; return the seconds.

        Raises:
            ProgramFailed: the server ended, or was not ready in time.
        """
        start = time.perf_counter()
        while time.perf_counter() - start < seconds:
            if self.process.poll() is not None:
                ended = describe_exit(self.process.returncode)
                raise ProgramFailed(f"the server ended with {ended} before it was ready:\n{self.last_lines()}")
            try:
                if httpx.get(f"{self.url}/v2/health/ready", timeout=2, trust_env=False).status_code == 200:
                    return time.perf_counter() - start
            except httpx.HTTPError:
                pass  # not listening yet
            time.sleep(0.1)
        raise ProgramFailed(f"the server was not ready within {seconds:.0f} s:\n{self.last_lines()}")

    def last_lines(self) -> str:
        """Return the last lines of the server's log."""
        return last_words(self.log.read_text("utf-8", errors="replace"))

    def stop(self) -> float:
        """Send SIGTERM and wait; return the seconds until the end.

        Raises:
            ProgramFailed: the server had to be killed, or ended with an error.
        """
        start = time.perf_counter()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.close()
            raise ProgramFailed(
                f"the server did not end within {STOP_SECONDS:.0f} s of SIGTERM:\n{self.last_lines()}"
            ) from None
        if code not in (0, -signal.SIGTERM):
            raise ProgramFailed(f"the server ended with {describe_exit(code)} after SIGTERM:\n{self.last_lines()}")
        return time.perf_counter() - start

    def close(self) -> None:
        """Stop the server if it still runs, by SIGKILL if necessary."""
        stop_process(self.process, STOP_SECONDS)


def child_environment(folder: Path, seed: int) -> dict[str, str]:
    """Build the environment of the demo's programs: all their state is under `folder`."""
    root = folder.absolute()
    return os.environ | {
        "RELEASES_URI": str(root / "releases"),
        "DATABASE_URL": f"sqlite:///{root / 'predictions.db'}",
        "MLFLOW_TRACKING_URI": f"sqlite:///{root / 'mlflow.db'}",
        "MODEL_NAME": "sentiment",
        "SPILL_DIR": str(root / "spill"),
        "CACHE_DIR": str(root / "cache"),
        "WORK_DIR": str(root / "train"),
        "DRIFT_CACHE_DIR": str(root / "cache"),
        "DRIFT_REPORT_DIR": str(root / "reports"),
        "DRIFT_SEED": str(seed),
        "LOG_TEXT": "full",
        "PYTHONUNBUFFERED": "1",
        "COLUMNS": "120",
    }
