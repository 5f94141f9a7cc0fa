"""The servers that are measured side by side, each started with one call and queried over V2 REST.

Peers run as their documentation starts them, with every core that we have. Peers on PyPI get separate
environments (`environments`). KServe's huggingfaceserver is not on PyPI: HUGGINGFACESERVER_DIR names a virtual
environment in which `python -m huggingfaceserver` runs. An unavailable peer is left out, with the reason in one line.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import environments
import psutil
from environments import Skipped
from full_size import FullSize
from harness import free_port

from model_release.scoring.engine import available_cpus
from prediction_log import upgrade
from training_job.build.release import INT8

INFER = "/v2/models/sentiment/infer"
STARTING_SECONDS = 180
STOPPING_SECONDS = 30


@dataclass(frozen=True)
class Recipe:
    """The start and the requests of a server.

    Attributes:
        command: the process; its environment is `settings` over this process's own.
        tensor: the name of the input tensor.
        folder: the process's working directory; this process's own when None.
        ready_path: answers 200 when the server is ready.
        shown: what a reader of the figures should know of it.
    """

    name: str
    command: list[str]
    settings: dict[str, str]
    port: int
    tensor: str
    shown: str
    ready_path: str = "/v2/health/ready"
    folder: Path | None = None
    grpc_port: int = 0

    def body(self, text: str) -> str:
        """A request of one text."""
        tensor = {"name": self.tensor, "datatype": "BYTES", "shape": [1], "data": [text]}
        return json.dumps({"inputs": [tensor]})


class Running:
    """A server process from its start to its end; `ready_seconds` counts from the start of the process."""

    def __init__(self, recipe: Recipe, log: Path) -> None:
        self.recipe, self.log = recipe, log
        started = time.perf_counter()
        with log.open("wb") as stream:
            self.process = psutil.Popen(
                recipe.command, env=os.environ | recipe.settings, stdout=stream, stderr=stream, cwd=recipe.folder
            )
        try:
            self._wait_ready(started + STARTING_SECONDS)
        except BaseException:
            self.stop()
            raise
        self.ready_seconds = time.perf_counter() - started

    def _wait_ready(self, end: float) -> None:
        url = f"http://127.0.0.1:{self.recipe.port}{self.recipe.ready_path}"
        while time.perf_counter() < end:
            if self.process.poll() is not None:
                lines = self.log.read_text(errors="replace").strip().splitlines() or ["nothing"]
                raise Skipped(f"{self.recipe.name}: ended with {self.process.returncode}: {lines[-1][:200]}")
            try:
                with urllib.request.urlopen(url, timeout=1) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                pass
            time.sleep(0.02)
        raise Skipped(f"{self.recipe.name}: not ready after {STARTING_SECONDS} s; see {self.log}")

    def _processes(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]

    def resident_mib(self) -> float:
        """Resident memory of the process and of those that it started, in MiB."""
        return sum(process.memory_info().rss for process in self._processes()) / 2**20

    def cpu_seconds(self) -> float:
        """CPU time that these processes have taken so far."""
        return sum(sum(process.cpu_times()[:2]) for process in self._processes())

    def stop(self) -> None:
        """Send SIGTERM, and SIGKILL to the remaining processes."""
        try:
            processes = self._processes()
        except psutil.NoSuchProcess:
            return
        self.process.terminate()
        _, alive = psutil.wait_procs(processes, STOPPING_SECONDS)
        if self.process in alive:  # it may have started others meanwhile, in place of those that ended
            alive = list({*alive, *self._processes()})
        for process in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(alive, STOPPING_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def ours(model: FullSize, work: Path, **settings: str) -> Recipe:
    """This project's server with its defaults, predictions logged to SQLite."""
    work.mkdir(parents=True, exist_ok=True)
    url = f"sqlite:///{work}/log.db"
    upgrade(url)
    port, grpc_port = free_port(), free_port()
    flags = ["--model_dir", str(model.model_dir), "--http_port", str(port), "--grpc_port", str(grpc_port)]
    defaults = {"DATABASE_URL": url, "SPILL_DIR": str(work / "spill"), "VARIANT": INT8, "HOST": "127.0.0.1"}
    return Recipe(
        "ours",
        [sys.executable, "-m", "model_server", *flags],
        defaults | settings,
        port,
        "text",
        f"OpenVINO int8, {available_cpus()} engine threads, prediction log on (SQLite)",
        grpc_port=grpc_port,
    )


def ours_by_streams(model: FullSize, work: Path) -> Recipe:
    """This project's server with an engine stream for each core."""
    recipe = ours(model, work, ENGINE_STREAMS=str(available_cpus()))
    return replace(recipe, name="ours-streams", shown=f"ours with ENGINE_STREAMS={available_cpus()}")


def ours_behind_kserve(model: FullSize, work: Path) -> Recipe:
    """The same engine, release, threads and log as `ours`, behind the edges of KServe's own server."""
    recipe = ours(model, work)
    python, run, _, *flags = recipe.command
    return replace(
        recipe,
        name="ours-kserve",
        command=[python, run, "model_server.kserve_model", *flags, "--enable_latency_logging", "false"],
        shown="ours as a kserve.Model in a stock kserve.ModelServer, latency log off",
        ready_path="/v2/models/sentiment/ready",
    )


def vanilla(model: FullSize, _work: Path) -> Recipe:
    """A transformers pipeline behind FastAPI."""
    python = environments.make("vanilla", model.environments)
    port = free_port()
    settings = {**environments.thread_settings(), "MODEL_DIR": str(model.peers.absolute()), "PORT": str(port)}
    program = Path(__file__).with_name("vanilla_app.py")
    shown = "transformers pipeline, torch fp32, FastAPI with a plain def"
    return Recipe("vanilla", [str(python), str(program)], settings, port, "text", shown)


def mlserver(model: FullSize, work: Path, batch: int = 0) -> Recipe:
    """MLServer with its Hugging Face runtime; with `batch` rows at most in a batch, none of its batching for 0."""
    python = environments.make("mlserver", model.environments)
    port, folder = free_port(), work / f"mlserver-{batch}"
    folder.mkdir(parents=True, exist_ok=True)
    server = {"host": "127.0.0.1", "http_port": port, "grpc_port": free_port(), "metrics_port": free_port()}
    (folder / "settings.json").write_text(json.dumps(server))
    described: dict[str, Any] = {
        "name": "sentiment",
        "implementation": "mlserver_huggingface.HuggingFaceRuntime",
        "parameters": {"extra": {"task": "text-classification", "pretrained_model": str(model.peers.absolute())}},
    }
    if batch:
        described |= {"max_batch_size": batch, "max_batch_time": 0.01}
    (folder / "model-settings.json").write_text(json.dumps(described))
    return Recipe(
        "mlserver-batching" if batch else "mlserver",
        [str(python.with_name("mlserver")), "start", str(folder.absolute())],
        environments.thread_settings(),
        port,
        "array_inputs",
        f"MLServer 1.7.1, torch fp32, {f'batches of {batch} at most' if batch else 'no batching'}",
        ready_path="/v2/models/sentiment/ready",
        folder=folder,
    )


def huggingfaceserver(model: FullSize, work: Path) -> Recipe:
    """KServe's huggingfaceserver; its environment is the user's own."""
    folder = os.environ.get("HUGGINGFACESERVER_DIR")
    if not folder:
        raise Skipped("huggingfaceserver: HUGGINGFACESERVER_DIR names no environment that runs it (it is not on PyPI)")
    python = Path(folder) / "bin/python"
    if not python.exists():
        raise Skipped(f"huggingfaceserver: there is no {python}; HUGGINGFACESERVER_DIR must name an environment")
    port = free_port()
    flags = {
        "--model_name": "sentiment",
        "--model_dir": model.peers.absolute(),
        "--task": "sequence_classification",
        "--backend": "huggingface",
        "--http_port": port,
        "--grpc_port": free_port(),
    }
    options = [str(part) for flag in flags.items() for part in flag]
    command = [str(python), "-m", "huggingfaceserver", *options, "--return_probabilities", "--disable_log_requests"]
    shown = "KServe huggingfaceserver, torch fp32, request log off"
    ready = "/v2/models/sentiment/ready"
    return Recipe("huggingfaceserver", command, environments.thread_settings(), port, "text", shown, ready, work)


SERVERS: dict[str, Callable[[FullSize, Path], Recipe]] = {
    "ours": ours,
    "ours-streams": ours_by_streams,
    "ours-kserve": ours_behind_kserve,
    "vanilla": vanilla,
    "mlserver": mlserver,
    "huggingfaceserver": huggingfaceserver,
    "mlserver-batching": lambda model, work: mlserver(model, work, batch=8),
}
DEFAULT_SERVERS = ("ours", "ours-kserve", "vanilla", "mlserver", "huggingfaceserver")


def start(name: str, model: FullSize, work: Path) -> Running:
    """Start one of `SERVERS` in the scratch folder `work` and wait until it is ready.

    Raises:
        Skipped: it cannot be had, or does not start.
    """
    work.mkdir(parents=True, exist_ok=True)
    return Running(SERVERS[name](model, work), work / f"{name}.log")


def startable(names: Sequence[str], model: FullSize, work: Path) -> tuple[list[str], dict[str, str]]:
    """Start each of `names` once; return the names that start here, and the reasons of the others."""
    good, skipped = [], {}
    for name in names:
        try:
            with start(name, model, work):
                good.append(name)
        except (Skipped, subprocess.SubprocessError) as error:
            skipped[name] = str(error)
    return good, skipped
