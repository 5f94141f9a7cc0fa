"""What the transports share: the model, readiness, metrics, and counting of requests."""

import enum
import json
import logging
import time

from model_server.access.guard import Guard
from model_server.access.keys import KeyFile, current_key
from model_server.console_log import FIELDS
from model_server.errors import NotFound, ServingError, Unavailable
from model_server.inference.data_plane import InferenceService
from model_server.lifecycle.model import ServedModel
from model_server.metrics import Metrics
from model_server.settings import ServerSettings
from prediction_log import LogWriter

access = logging.getLogger("model_server.access")


class Phase(enum.Enum):
    """Where the process stands. It answers while ready and draining; `UNLOADED` is until the next load."""

    STARTING = "starting"
    READY = "ready"
    UNLOADED = "unloaded"
    DRAINING = "draining"


class ServerState:
    """One a process; transports are given it and keep nothing of their own."""

    def __init__(self, settings: ServerSettings, log: LogWriter) -> None:
        self.settings = settings
        self.log = log
        self.metrics = Metrics()
        self.metrics.watch_log(log.stats)
        self.guard = Guard(KeyFile(settings.api_keys_file), self.metrics) if settings.api_keys_file else None
        self.phase = Phase.STARTING
        self.closing = False  # ports are closed: connections end with their answer
        self.model = ServedModel(settings.model_name)

    def serve(self, service: InferenceService, variant: str) -> None:
        """A verified release is loaded: become ready."""
        self.metrics.watch_queue(service.batcher)
        self.metrics.release.clear()
        self.metrics.release.labels(service.scorer.release_id, variant).set(1)
        self.model.serve(service)
        self.set_phase(Phase.READY)

    def unload(self) -> None:
        """No release answers from now on."""
        self.metrics.release.clear()
        self.model.unload()
        self.set_phase(Phase.UNLOADED)

    def set_phase(self, phase: Phase) -> None:
        self.phase = phase
        self.metrics.ready.set(phase is Phase.READY)
        if phase is Phase.DRAINING:
            self.model.stop()

    def find(self, name: str, version: str | None = None) -> ServedModel:
        """The model of that name and, where one is given, version. NotFound says what there is."""
        model = self.model
        if name != model.name:
            raise NotFound(f"model {name!r} is not served here; there is {model.name!r}")
        if version and version != model.version:
            there = f"there is {model.version!r}" if model.version else f"it is {self.phase.value}"
            raise NotFound(f"model {name!r} has no version {version!r}; {there}")
        return model

    def service(self, name: str, version: str | None = None) -> InferenceService:
        """What answers for a model. Unavailable before it is loaded."""
        model = self.find(name, version)
        if model.service is None:
            raise Unavailable(f"model {name!r} is {self.phase.value}; try again in a moment")
        return model.service

    def finished(self, route: str, status: str, started: float, error: Exception | None = None) -> None:
        """Count a request, and write its line where lines are asked for."""
        failed = error is not None and (not isinstance(error, ServingError) or error.status >= 500)
        self.metrics.responded(route, status, failed=failed)
        if self.settings.access_log:
            line: dict[str, object] = {
                "route": route,
                "status": status,
                "ms": round((time.perf_counter() - started) * 1000, 2),
            }
            if error is not None:
                line["error"] = type(error).__name__
            if key := current_key.get():
                line["key"] = key.entry.name
            access.info(json.dumps(line), extra={FIELDS: line})
