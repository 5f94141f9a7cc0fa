"""State that the transports share: the release, readiness, metrics, and the count of requests."""

import json
import logging
import time

from model_server.access.guard import Guard
from model_server.access.keys import Key, KeyFile
from model_server.console_log import FIELDS
from model_server.errors import NotFound, ServingError, Unavailable
from model_server.inference.data_plane import InferenceService
from model_server.lifecycle.phase import Phase
from model_server.metrics import Metrics
from model_server.settings import ServerSettings
from prediction_log import LogWriter

access = logging.getLogger("model_server.access")


class ServerState:
    """Shared state of one process; the transports keep none."""

    def __init__(self, settings: ServerSettings, log: LogWriter) -> None:
        self.settings = settings
        self.log = log
        self.metrics = Metrics()
        self.metrics.watch_log(log.stats)
        self.guard = Guard(KeyFile(settings.api_keys_file), self.metrics) if settings.api_keys_file else None
        self.name = settings.model_name
        self.current: InferenceService | None = None  # stays while the server drains
        self.variant: str | None = None  # of the engine that answers
        self.phase = Phase.STARTING
        self.closing = False  # ports are closed: connections end with their answer

    @property
    def ready(self) -> bool:
        return self.phase is Phase.READY

    @property
    def version(self) -> str | None:
        """The model's version: the release's id; None while no release is loaded."""
        return self.current.scorer.release_id if self.current else None

    def serve(self, service: InferenceService, variant: str) -> None:
        """Become ready with a verified release."""
        self.metrics.watch_queue(service.batcher)
        self.metrics.release.clear()
        self.metrics.release.labels(service.scorer.release_id, variant).set(1)
        self.current, self.variant = service, variant
        self.set_phase(Phase.READY)

    def unload(self) -> None:
        """Answer with no release until the next one is served."""
        self.metrics.release.clear()
        self.current = self.variant = None
        self.set_phase(Phase.UNLOADED)

    def set_phase(self, phase: Phase) -> None:
        self.phase = phase
        self.metrics.ready.set(self.ready)

    def check(self, name: str, version: str | None = None) -> None:
        """Raise NotFound unless the model has this name and, if one is given, this version."""
        if name != self.name:
            raise NotFound(f"model {name!r} is not served here; there is {self.name!r}")
        if version and version != self.version:
            there = f"there is {self.version!r}" if self.version else f"it is {self.phase.value}"
            raise NotFound(f"model {name!r} has no version {version!r}; {there}")

    def service(self, name: str, version: str | None = None) -> InferenceService:
        """Return the service that answers for a model.

        Raises:
            NotFound: the model has another name or version.
            Unavailable: no release is loaded.
        """
        self.check(name, version)
        if self.current is None:
            raise Unavailable(f"model {name!r} is {self.phase.value}; try again in a moment")
        return self.current

    def finished(
        self, route: str, status: str, started: float, error: Exception | None = None, key: Key | None = None
    ) -> None:
        """Count a request, and write its line if the access log is on."""
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
            if key is not None:
                line["key"] = key.entry.name
            access.info(json.dumps(line), extra={FIELDS: line})
