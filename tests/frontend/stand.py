"""The system that the browser's journeys use: a real release, predictor, monitor and page, controlled line by line.

`PYTHONPATH=tests:. python tests/frontend/stand.py FOLDER` prints a JSON object once all answer, then executes one command a line from standard
input (a key of `Stand.commands`), each answered by a JSON line. The end of the input ends everything.
"""

import json
import os
import random
import sqlite3
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from kit.factories import make_release, make_texts
from kit.log_rows import record, write
from kit.server_process import free_port, wait_for

from model_release import ReleaseStore
from sentiment_cli.page.proxy import Upstream, make_app

ROOT = Path(__file__).parents[2]
HOURS = 30


class Stand:
    """The programs, each in a separate process, and the page in this one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        store = str(folder / "releases")
        first, self.release = make_release(store, seed=3), make_release(store)
        for release in (first, self.release):
            ReleaseStore(store).set_champion("sentiment", release, who="mara", action="promote")
        self.environment = os.environ | {
            "RELEASES_URI": store,
            "DATABASE_URL": f"sqlite:///{folder}/log.db",
            "SPILL_DIR": f"{folder}/spill",
            "CACHE_DIR": f"{folder}/cache",
            "DRIFT_CACHE_DIR": f"{folder}/cache",
            "DRIFT_REPORT_DIR": f"{folder}/reports",
            "MONITOR_SECONDS": "1",
            "HOST": "127.0.0.1",
            "PYTHONPATH": str(ROOT),
        }
        self.ports = {name: free_port() for name in ("predictor", "grpc", "monitor", "page")}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.commands = {
            "stop predictor": lambda: self.stop("predictor"),
            "start predictor": lambda: self.start("predictor"),
            "stop monitor": lambda: self.stop("monitor"),
            "start monitor": lambda: self.start("monitor"),
            "history": self.history,
            "traffic": self.traffic,
            "drift": self.drift,
            "feedback": self.feedback,
        }

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    def start(self, name: str) -> None:
        ports = {key: str(port) for key, port in self.ports.items()}
        serving = self.folder / "releases/sentiment/releases" / self.release / "serving"
        where = ["--http_port", ports["predictor"], "--grpc_port", ports["grpc"]]
        command = {
            "predictor": ["model_server", "--model_dir", str(serving), *where],
            "monitor": ["drift_cronjob", "monitor", "--host", "127.0.0.1", "--port", ports["monitor"]],
        }[name]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", *command], env=self.environment, stdout=log, stderr=log
            )
        ready = {"predictor": "/v2/health/ready", "monitor": "/healthz"}[name]
        wait_for(lambda: self.answers(name, ready), f"the {name}", 120)

    def answers(self, name: str, path: str) -> bool:
        assert self.processes[name].poll() is None, (self.folder / f"{name}.log").read_text()
        try:
            return httpx.get(f"{self.url(name)}{path}", trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    def stop(self, name: str) -> None:
        self.processes[name].terminate()
        self.processes[name].wait(60)

    def page(self) -> None:
        app = make_app(
            ROOT / "frontend/dist",
            Upstream("predictor", self.url("predictor")),
            Upstream("monitor", self.url("monitor")),
        )
        server = uvicorn.Server(uvicorn.Config(app, port=self.ports["page"], log_level="warning", access_log=False))
        threading.Thread(target=server.run, daemon=True).start()
        wait_for(lambda: server.started, "the page")

    def history(self) -> int:
        """Log rows of the last day, more of them by day than by night, and return their number."""
        rng, now, rows = random.Random(5), datetime.now(UTC), []
        for hours in range(1, HOURS):
            at = now - timedelta(hours=hours)
            for _ in range(rng.randint(6, 14) + (14 if 7 < at.hour < 20 else 0)):
                probability = min(0.99, max(0.01, rng.betavariate(2.2, 1.1)))
                label = "positive" if probability >= 0.5 else "negative"
                changes = {"probability": probability, "label": label, "latency_ms": rng.lognormvariate(2.6, 0.6)}
                rows.append(record(at, release_id=self.release, **changes))
        write(str(self.environment["DATABASE_URL"]), rows)
        return len(rows)

    def traffic(self) -> int:
        """Send texts like the release's own to the predictor, and return their number."""
        texts, _ = make_texts(150, seed=11)
        for at in range(0, len(texts), 50):
            part = texts[at : at + 50]
            tensor = {"name": "text", "datatype": "BYTES", "shape": [len(part)], "data": part}
            path = f"{self.url('predictor')}/v2/models/sentiment/infer"
            httpx.post(path, json={"inputs": [tensor]}, trust_env=False, timeout=60).raise_for_status()
        return len(texts)

    def drift(self) -> Any:
        """Check the last hour, wait until the monitor shows the check, and return its outcome."""
        command = ["drift_cronjob", "check", "--hours", "1", "--no-evidently", "--json"]
        done = subprocess.run([sys.executable, "-m", *command], env=self.environment, capture_output=True, timeout=200)
        assert done.returncode in (0, 10, 20, 30), done.stderr.decode()
        outcome = json.loads(done.stdout)

        def shown() -> bool:
            newest = [check["id"] for check in self.read("/api/drift")["checks"][:1]]
            return newest == [outcome["row_id"]] and self.read("/api/drift/examples")["examples"] is not None

        wait_for(shown, "the check in the monitor", 60)
        return outcome

    def read(self, path: str) -> Any:
        """Return the monitor's answer."""
        return httpx.get(f"{self.url('monitor')}{path}", trust_env=False).raise_for_status().json()

    def feedback(self) -> list[list[str]]:
        """Return (prediction, true label) of every feedback in the log."""
        with sqlite3.connect(self.folder / "log.db") as log:
            return [list(row) for row in log.execute("SELECT prediction_id, true_label FROM feedback ORDER BY id")]


def main() -> None:
    stand = Stand(Path(sys.argv[1]).absolute())
    answers = sys.stdout
    sys.stdout = sys.stderr
    try:
        stand.start("predictor")
        stand.start("monitor")
        stand.page()
        started: dict[str, object] = {"page": stand.url("page"), "release": stand.release}
        print(json.dumps(started), file=answers, flush=True)
        for line in sys.stdin:
            print(json.dumps({"done": stand.commands[line.strip()]()}, default=str), file=answers, flush=True)
    finally:
        for process in stand.processes.values():
            if process.poll() is None:
                process.kill()
                process.wait(20)


if __name__ == "__main__":
    main()
