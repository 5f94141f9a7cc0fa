"""Reads the sources in the background and keeps the last figures, so that no scrape waits for a database."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from drift_cronjob.monitor.figures import Database, DriftCheck, FeedbackAccuracy, Hour, JobState, Promotion, Release
from drift_cronjob.monitor.settings import MonitorSettings
from drift_cronjob.monitor.sources import ClusterSource, LogSource, StoreSource

log = logging.getLogger("drift_cronjob.monitor")
HOURS = 24 * 7


@dataclass
class Figures:
    """The last figures of each source; `up` says whether its last reading succeeded, `read_at` when it last did (Unix
    seconds). Figures of a source that is away are those of its last reading."""

    checks: list[DriftCheck] = field(default_factory=list)
    hours: list[Hour] = field(default_factory=list)
    feedback: FeedbackAccuracy | None = None
    database: Database | None = None
    releases: list[Release] = field(default_factory=list)
    promotions: list[Promotion] = field(default_factory=list)
    jobs: list[JobState] = field(default_factory=list)
    up: dict[str, bool] = field(default_factory=dict)
    read_at: dict[str, float] = field(default_factory=dict)

    @property
    def champion(self) -> str | None:
        return next((release.id for release in self.releases if release.champion), None)


class Watch:
    """A thread that reads every `MONITOR_SECONDS`; `figures` is replaced as a whole by nobody and changed field by
    field, which a reader may see half done: each field is whole."""

    def __init__(self, settings: MonitorSettings) -> None:
        self._settings = settings
        self.figures = Figures()
        self._stop = threading.Event()
        self._cluster: ClusterSource | None = None
        self._log, self._store = LogSource(settings), StoreSource(settings)
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(10)

    def read(self) -> None:
        """Read every source once."""
        self._reading("store", self._read_store)
        self._reading("database", self._read_log)
        if self._settings.kube_namespace:
            self._reading("cluster", self._read_cluster)

    def _run(self) -> None:
        while not self._stop.is_set():
            self.read()
            self._stop.wait(self._settings.seconds)

    def _reading(self, source: str, work: Callable[[], Any]) -> None:
        was_up = self.figures.up.get(source)
        try:
            work()
        except Exception as error:  # whatever a source meets must not end the thread; its metric says that it is away
            self.figures.up[source] = False
            if was_up is not False:
                log.warning("%s: %s", source, " ".join(str(error).split())[:300])
            return
        self.figures.up[source] = True
        self.figures.read_at[source] = time.time()
        if was_up is False:
            log.warning("%s: there again", source)

    def _read_log(self) -> None:
        self.figures.checks = self._log.checks()
        self.figures.hours = self._log.hours(HOURS)
        self.figures.database = self._log.size()
        champion = self.figures.champion
        self.figures.feedback = self._log.feedback(champion) if champion else None

    def _read_store(self) -> None:
        self.figures.releases = self._store.releases()
        self.figures.promotions = self._store.promotions()

    def _read_cluster(self) -> None:
        if self._cluster is None:
            self._cluster = ClusterSource(self._settings.kube_namespace or "default")
        self.figures.jobs = self._cluster.jobs()
