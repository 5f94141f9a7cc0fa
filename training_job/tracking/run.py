"""A run of MLflow that tells the truth: its status is that of the work, and MLflow being away stops no training."""

import contextlib
import logging
import math
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import psutil

from sentiment_common.addresses import without_password
from training_job.tracking.registry import RegistryError, connect, existing_accepted, remedy_for

Status = Literal["FINISHED", "FAILED", "KILLED"]
PARENT_TAG = "mlflow.parentRunId"
SYSTEM_SECONDS = 10.0
RETRY_SECONDS = 60.0  # a server that is away is not asked more often: each time costs the training a time-out
MOST_PENDING = 900  # MLflow takes 1,000 metrics in a call
_LONGEST_PARAMETER = 500

log = logging.getLogger(__name__)


class Tracker:
    """An experiment of an MLflow, found to be there; without an MLflow, nothing is tracked and runs have no id."""

    def __init__(self, tracking_uri: str | None, experiment: str) -> None:
        """Make the experiment unless there is one.

        Raises:
            RegistryError: nothing answers there, or it refuses; names the remedy.
        """
        self.tracking_uri = tracking_uri
        self.client: Any = None
        if tracking_uri is None:
            return
        self.client = connect(tracking_uri)
        try:
            found = self.client.get_experiment_by_name(experiment) or self._made(experiment)
            if found.lifecycle_stage != "active":
                raise RegistryError(
                    f"MLflow's experiment {experiment!r} was deleted; restore it or set MLFLOW_EXPERIMENT"
                )
            self.experiment_id = found.experiment_id
        except RegistryError:
            raise
        except Exception as error:  # requests', SQLAlchemy's and MLflow's own families
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise RegistryError(
                f"MLflow at {without_password(tracking_uri)} does not give the experiment {experiment!r} ({reason}); "
                f"check MLFLOW_EXPERIMENT; {remedy_for(tracking_uri, error)}"
            ) from error

    def _made(self, experiment: str) -> Any:
        """A new experiment, or the one that another training has made since."""
        with existing_accepted():
            self.client.create_experiment(experiment, _artifacts(self.tracking_uri or ""))
        return self.client.get_experiment_by_name(experiment)

    @contextmanager
    def run(
        self, name: str, *, tags: Mapping[str, str] | None = None, parent: str | None = None, resume: str | None = None
    ) -> Iterator["Run"]:
        """A run that is FINISHED after this context (or has what was set as its `status`), FAILED by an exception,
        KILLED by an interruption (SIGINT, or SIGTERM whose handler raises SystemExit).

        Args:
            parent: the run that this one stands under.
            resume: the id of a run to take up again, if MLflow still has it.
        """
        run = self._resumed(resume) or self._new(name, dict(tags or {}), parent)
        try:
            yield run
        except (KeyboardInterrupt, SystemExit):
            run.end("KILLED")
            raise
        except BaseException:
            run.end("FAILED")
            raise
        else:
            run.end(run.status)

    def _new(self, name: str, tags: dict[str, str], parent: str | None) -> "Run":
        if self.client is None:
            return Run(None, None)
        if parent:
            tags[PARENT_TAG] = parent
        tags |= {"mlflow.source.name": Path(sys.argv[0]).name, "mlflow.source.type": "LOCAL"}
        made = self.client.create_run(self.experiment_id, run_name=name, tags=tags)
        return Run(self.client, made.info.run_id)

    def _resumed(self, run_id: str | None) -> "Run | None":
        if run_id is None or self.client is None:
            return None
        try:
            self.client.update_run(run_id, "RUNNING")
        except Exception:  # another MLflow than that of the first call, or a deleted run
            log.info("MLflow has no run %s to go on with", run_id)
            return None
        return Run(self.client, run_id)

    def close_stale(self, run_id: str | None) -> None:
        """Call a run KILLED whose process is gone."""
        if run_id is None or self.client is None:
            return
        with contextlib.suppress(Exception):  # the run may be in another MLflow; nothing depends on it
            if self.client.get_run(run_id).info.status == "RUNNING":
                self.client.set_terminated(run_id, "KILLED")


def _artifacts(tracking_uri: str) -> str | None:
    """Beside a SQLite database rather than in the working folder; a server knows its own place."""
    if not tracking_uri.startswith("sqlite:///"):
        return None
    return (Path(tracking_uri.removeprefix("sqlite:///")).resolve().parent / "mlartifacts").as_uri()


class Run:
    """One run. Metrics are kept until MLflow has taken them; a failure to log is told once and tried again later. A run
    without a client takes all and keeps nothing.

    Attributes:
        run_id: MLflow's id of it; None without a client.
        status: what the run's status will be when its work ends without an exception.
    """

    def __init__(self, client: Any, run_id: str | None) -> None:
        self.run_id = run_id
        self.status: Status = "FINISHED"
        self._client = client
        self._pending: list[tuple[str, float, int, int]] = []
        self._told = False
        self._retry_at = 0.0

    def _try(self, doing: str, call: str, *arguments: Any, **options: Any) -> bool:
        if self._client is None:
            return True
        if time.monotonic() < self._retry_at:
            return False
        try:
            getattr(self._client, call)(*arguments, **options)
        except Exception as error:  # requests', SQLAlchemy's and MLflow's own families
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            if not self._told:
                log.warning("MLflow: %s failed (%s); the training goes on, and tries again", doing, reason[:200])
            self._told, self._retry_at = True, time.monotonic() + RETRY_SECONDS
            return False
        return True

    def parameters(self, values: Mapping[str, object]) -> None:
        """Log parameters; long ones are cut."""
        if self._client is None:  # MLflow need not be installed
            return
        from mlflow.entities import Param

        params = [Param(name, str(value)[:_LONGEST_PARAMETER]) for name, value in values.items()]
        self._try("logging parameters", "log_batch", self.run_id, params=params)

    def tags(self, values: Mapping[str, object]) -> None:
        """Set tags."""
        if self._client is None:
            return
        from mlflow.entities import RunTag

        tags = [RunTag(name, str(value)) for name, value in values.items()]
        self._try("setting tags", "log_batch", self.run_id, tags=tags)

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Note metrics at a step, from any thread; `flush` sends them. What is no finite number is left out, since it
        cannot be plotted."""
        if self._client is None:
            return
        now = int(time.time() * 1000)
        self._pending += [(name, float(value), now, step) for name, value in values.items() if math.isfinite(value)]

    def flush(self) -> None:
        """Send the metrics noted so far."""
        while self._pending:
            from mlflow.entities import Metric

            batch = self._pending[:MOST_PENDING]
            metrics = [Metric(name, value, stamp, step) for name, value, stamp, step in batch]
            if not self._try("logging metrics", "log_batch", self.run_id, metrics=metrics):
                return
            del self._pending[: len(batch)]

    def artifact(self, path: Path, folder: str | None = None) -> None:
        """Upload a file."""
        self._try(f"uploading {path.name}", "log_artifact", self.run_id, str(path), folder)

    def end(self, status: Status) -> None:
        """Send what is noted and set the status."""
        self._retry_at = 0.0
        self.flush()
        self._try(f"setting the status {status}", "set_terminated", self.run_id, status)


def _system_figures(process: psutil.Process) -> dict[str, float]:
    return {
        "system/cpu_percent": process.cpu_percent(),
        "system/rss_mib": process.memory_info().rss / 2**20,
        "system/threads": float(process.num_threads()),
        "system/load": os.getloadavg()[0],
        "system/memory_available_mib": psutil.virtual_memory().available / 2**20,
    }


@contextmanager
def system_figures(run: Run, seconds: float = SYSTEM_SECONDS) -> Iterator[None]:
    """Note this process's CPU use, memory and threads, and the machine's load, every so often, from a thread.

    Where the system does not tell one of them, that point in time has no figures.
    """
    process = psutil.Process()
    with contextlib.suppress(psutil.Error, OSError):
        process.cpu_percent()  # the first call has nothing to compare with
    stop = threading.Event()
    began = time.monotonic()

    def sample() -> None:
        with contextlib.suppress(psutil.Error, OSError):
            run.metrics(_system_figures(process), round(time.monotonic() - began))

    def watch() -> None:
        while not stop.wait(seconds):
            sample()

    thread = threading.Thread(target=watch, name="system-figures", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        sample()
