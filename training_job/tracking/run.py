"""MLflow runs whose status is that of the work, and whose failures end no training."""

import contextlib
import logging
import math
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import psutil

from sentiment_common.addresses import without_password
from sentiment_common.errors import first_line
from training_job.tracking.registry import RegistryError, connect, existing_accepted, remedy_for

Status = Literal["FINISHED", "FAILED", "KILLED"]
PARENT_TAG = "mlflow.parentRunId"
SYSTEM_SECONDS = 10.0
RETRY_SECONDS = 60.0  # between calls to a server that is away: each call costs the training a time-out
MOST_PENDING = 900  # MLflow accepts 1,000 metrics in a call
_LONGEST_PARAMETER = 500

log = logging.getLogger(__name__)


class Tracker:
    """An MLflow experiment; without a tracking URI nothing is tracked, and runs have no id."""

    def __init__(self, tracking_uri: str | None, experiment: str) -> None:
        """Find or create the experiment.

        Raises:
            RegistryError: MLflow does not answer, or refuses; names the remedy.
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
        except Exception as error:  # of requests, SQLAlchemy and MLflow
            raise RegistryError(
                f"MLflow at {without_password(tracking_uri)} does not return the experiment {experiment!r} "
                f"({first_line(error)}); check MLFLOW_EXPERIMENT; {remedy_for(tracking_uri, error)}"
            ) from error

    def _made(self, experiment: str) -> Any:
        """Return a new experiment, or the one that another training created meanwhile."""
        with existing_accepted():
            self.client.create_experiment(experiment, _artifacts(self.tracking_uri or ""))
        return self.client.get_experiment_by_name(experiment)

    @contextmanager
    def run(
        self, name: str, *, tags: Mapping[str, str] | None = None, parent: str | None = None, resume: str | None = None
    ) -> Iterator["Run"]:
        """Open a run. After this context its status is FINISHED, or the `status` that was set; FAILED after an
        exception; KILLED after an interruption (SIGINT, or SIGTERM whose handler raises SystemExit).

        Args:
            parent: id of the parent run.
            resume: id of a run to resume, if MLflow still has it.
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
        except Exception:  # the first call used another MLflow, or the run was deleted
            log.info("MLflow has no run %s to resume", run_id)
            return None
        return Run(self.client, run_id)

    def close_stale(self, run_id: str | None) -> None:
        """Set the status KILLED for a run whose process no longer exists."""
        if run_id is None or self.client is None:
            return
        with contextlib.suppress(Exception):  # the run may be in another MLflow, and nothing depends on its status
            if self.client.get_run(run_id).info.status == "RUNNING":
                self.client.set_terminated(run_id, "KILLED")


def _artifacts(tracking_uri: str) -> str | None:
    """Return the folder beside a SQLite database, instead of the working folder; a server has its own setting."""
    if not tracking_uri.startswith("sqlite:///"):
        return None
    return (Path(tracking_uri.removeprefix("sqlite:///")).resolve().parent / "mlartifacts").as_uri()


class Run:
    """One run. Metrics are kept until MLflow has accepted them; a failed call is reported once and retried later. A run
    without a client discards everything.

    Attributes:
        run_id: the run's id in MLflow; None without a client.
        status: the run's status after work that ends without an exception.
    """

    def __init__(self, client: Any, run_id: str | None) -> None:
        self.run_id = run_id
        self.status: Status = "FINISHED"
        self._client = client
        self._pending: list[tuple[str, float, int, int]] = []
        self._reported = False
        self._retry_at = 0.0

    def _try(self, doing: str, call: str, *arguments: Any, **options: Any) -> bool:
        if self._client is None:
            return True
        if time.monotonic() < self._retry_at:
            return False
        try:
            getattr(self._client, call)(*arguments, **options)
        except Exception as error:  # of requests, SQLAlchemy and MLflow
            if not self._reported:
                log.warning("MLflow: %s failed (%s); the training continues, and retries it", doing, first_line(error))
            self._reported, self._retry_at = True, time.monotonic() + RETRY_SECONDS
            return False
        return True

    def _log(self, kind: str, entity: str, rows: Sequence[tuple[Any, ...]]) -> bool:
        """Send a batch of entities; return whether MLflow accepted it. Without a client MLflow is not imported."""
        if self._client is None:
            return True
        from mlflow import entities

        batch = [getattr(entities, entity)(*row) for row in rows]
        return self._try(f"logging {kind}", "log_batch", self.run_id, **{kind: batch})

    def parameters(self, values: Mapping[str, object]) -> None:
        """Log parameters; long values are cut."""
        self._log("params", "Param", [(name, str(value)[:_LONGEST_PARAMETER]) for name, value in values.items()])

    def tags(self, values: Mapping[str, object]) -> None:
        """Set tags."""
        self._log("tags", "RunTag", [(name, str(value)) for name, value in values.items()])

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Record metrics at a step, from any thread; `flush` sends them. NaN and infinity, which cannot be plotted, are
        left out."""
        if self._client is None:
            return
        now = int(time.time() * 1000)
        self._pending += [(name, float(value), now, step) for name, value in values.items() if math.isfinite(value)]

    def flush(self) -> None:
        """Send the metrics recorded so far."""
        while self._pending:
            batch = self._pending[:MOST_PENDING]
            if not self._log("metrics", "Metric", batch):
                return
            del self._pending[: len(batch)]

    def artifact(self, path: Path, folder: str | None = None) -> None:
        """Upload a file."""
        self._try(f"uploading {path.name}", "log_artifact", self.run_id, str(path), folder)

    def end(self, status: Status) -> None:
        """Send the recorded metrics and set the status."""
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
    """Record this process's CPU use, memory and threads, and the machine's load, at intervals, from a thread.

    A point in time at which the system does not report one of them has no figures.
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
