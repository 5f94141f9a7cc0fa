"""`serve --ui`: the predictor and the monitor as child processes, the page in this one; all three end together."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence

from rich.console import Console

from sentiment_cli.demo.processes import describe_exit, stop_process
from sentiment_cli.page.proxy import Upstream, make_app
from sentiment_cli.settings import CliSettings
from sentiment_common.http.limits import HttpLimits
from sentiment_common.http.server import HttpServer, listen
from sentiment_common.settings import environment

LOOPBACK = "127.0.0.1"
LOOK_SECONDS = 0.2
DRAIN_SECONDS = 5
STOP_SECONDS = 60.0  # the predictor answers the requests that it has accepted, and flushes its log


def _start(command: Sequence[str], **variables: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(command, env=os.environ | variables, stdin=subprocess.DEVNULL, text=True)


def _watch(programs: "dict[str, subprocess.Popen[str]]", server: HttpServer, ended: threading.Event) -> None:
    """Stop the page when a program ends."""
    while not ended.wait(LOOK_SECONDS):
        if any(program.poll() is not None for program in programs.values()):
            server.should_exit = True
            return


def _first_end(programs: "dict[str, subprocess.Popen[str]]") -> int:
    """Print and return the exit code of a program that ended without a signal from here; 0 while all run."""
    for name, program in programs.items():
        code = program.poll()
        if code is not None:
            Console(stderr=True, highlight=False).print(f"the {name} ended with {describe_exit(code)}", soft_wrap=True)
            return code if code > 0 else 1
    return 0


def run(settings: CliSettings, server_command: Sequence[str]) -> int:
    """Serve until SIGTERM, Ctrl-C or the end of a program; return the exit code.

    Raises:
        PortUnavailable: the page's port is taken; nothing was started.
    """
    listener = listen(settings.page_host, settings.page_port, "PAGE_PORT", "choose another by --page-port")
    app = make_app(
        settings.page_dir,
        Upstream("predictor", f"http://{LOOPBACK}:{settings.http_port}"),
        Upstream("monitor", f"http://{LOOPBACK}:{settings.monitor_port}"),
    )
    # Signals are handled here: uvicorn would raise them again, and end this process before its children.
    limits = HttpLimits.of(settings, streams=True)
    server = HttpServer(app, limits, drain_seconds=DRAIN_SECONDS, signals=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: setattr(server, "should_exit", True))
    monitor_command = [sys.executable, "-m", "drift_cronjob", "monitor", "--host", LOOPBACK]
    monitor_command += ["--port", str(settings.monitor_port)]
    ended, code = threading.Event(), 1
    programs: dict[str, subprocess.Popen[str]] = {}
    try:
        programs["predictor"] = _start(server_command)
        programs["monitor"] = _start(monitor_command, MONITOR_SECONDS=environment().get("MONITOR_SECONDS", "5"))
        threading.Thread(target=_watch, args=(programs, server, ended), daemon=True).start()
        shown = f"[{settings.page_host}]" if ":" in settings.page_host else settings.page_host
        Console(stderr=True, highlight=False).print(f"page: [bold]http://{shown}:{settings.page_port}[/bold]")
        server.run([listener])
        code = _first_end(programs)
    finally:
        ended.set()
        for program in programs.values():
            if program.poll() is None:
                program.terminate()
        for program in programs.values():
            stop_process(program, STOP_SECONDS)
    return code
