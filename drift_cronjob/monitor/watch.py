"""Read the sources in the background and keep the last figures, so that no scrape waits for a database."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from drift_cronjob.monitor import details
from drift_cronjob.monitor.card import Card
from drift_cronjob.monitor.details import Alert, Examples, Traffic
from drift_cronjob.monitor.figures import (
    Database,
    DriftCheck,
    FeedbackAccuracy,
    Hour,
    JobState,
    Promotion,
    Release,
    remember,
)
from drift_cronjob.monitor.settings import MonitorSettings
from drift_cronjob.monitor.sources import ClusterSource, LogSource, StoreSource
from sentiment_common.kubernetes_api import own_namespace

log = logging.getLogger("drift_cronjob.monitor")
HOURS = 24 * 7
HANGING_SECONDS = 60.0  # a source whose reading takes longer counts as unavailable
STOP_SECONDS = 2.0


@dataclass
class Figures:
    """The figures of each source's last successful reading.

    `up` holds whether the last reading succeeded, `read_at` when a reading last succeeded (Unix seconds).
    """

    checks: list[DriftCheck] = field(default_factory=list)
    hours: list[Hour] = field(default_factory=list)
    feedback: FeedbackAccuracy | None = None
    database: Database | None = None
    releases: list[Release] = field(default_factory=list)
    promotions: list[Promotion] = field(default_factory=list)
    jobs: list[JobState] = field(default_factory=list)
    traffic: Traffic | None = None
    card: Card | None = None
    examples: Examples | None = None
    alerts: list[Alert] | None = None
    release_ids: frozenset[str] | None = None  # the model's, to select its rows in a shared log
    up: dict[str, bool] = field(default_factory=dict)
    read_at: dict[str, float] = field(default_factory=dict)

    @property
    def champion(self) -> str | None:
        return next((release.id for release in self.releases if release.champion), None)


class Watch:
    """Reads each source in a separate thread every `MONITOR_SECONDS`; a source that hangs delays only its own figures.

    Each field of the kept figures is replaced as a whole, by one thread.

    Raises:
        LogError, ReleaseError: DATABASE_URL or RELEASES_URI is not a valid address.
    """

    def __init__(self, settings: MonitorSettings) -> None:
        self._settings = settings
        self._figures = Figures()
        self._begun: dict[str, float] = {}
        self._stop = threading.Event()
        self._cluster: ClusterSource | None = None
        self._log, self._store = LogSource(settings), StoreSource(settings)
        self._work: dict[str, Callable[[], Any]] = {"store": self._read_store, "database": self._read_log}
        self._work |= {"traffic": self._read_traffic, "card": self._read_card, "examples": self._read_examples}
        if settings.alertmanager_url:
            self._work["alerts"] = self._read_alerts
        if settings.kube_namespace:
            self._work["cluster"] = self._read_cluster
        self._threads = [
            threading.Thread(target=self._run, args=(source,), name=f"watch-{source}", daemon=True)
            for source in self._work
        ]

    @property
    def figures(self) -> Figures:
        """The last figures; a source that hangs is marked unavailable."""
        now, up = time.monotonic(), dict(self._figures.up)
        for source, begun in list(self._begun.items()):
            if now - begun > HANGING_SECONDS:
                up[source] = False
        return replace(self._figures, up=up, read_at=dict(self._figures.read_at))

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop reading, without waiting for a reading that hangs."""
        self._stop.set()
        end = time.monotonic() + STOP_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def read(self) -> None:
        """Read every source once, in turn."""
        for source in self._work:
            self._reading(source)

    def _run(self, source: str) -> None:
        while not self._stop.is_set():
            self._reading(source)
            self._stop.wait(self._settings.seconds)

    def _reading(self, source: str) -> None:
        figures, was_up = self._figures, self._figures.up.get(source)
        self._begun[source] = time.monotonic()
        try:
            self._work[source]()
        except Exception as error:  # no error may end the thread; the source's metric shows it
            figures.up[source] = False
            if was_up is not False:
                log.warning("%s: %s", source, " ".join(str(error).split())[:300])
            return
        finally:
            del self._begun[source]
        figures.up[source] = True
        figures.read_at[source] = time.time()
        if was_up is False:
            log.warning("%s: can be read now", source)

    def _read_log(self) -> None:
        figures = self._figures
        figures.checks = self._log.checks(figures.release_ids)
        figures.database = self._log.size()
        figures.hours = self._log.hours(HOURS, datetime.now(UTC), figures.release_ids)
        champion = figures.champion
        figures.feedback = self._log.feedback(champion) if champion else None

    def _read_store(self) -> None:
        self._figures.releases = self._store.releases()
        self._figures.promotions = self._store.promotions()
        self._figures.release_ids = self._store.release_ids() or None

    def _read_cluster(self) -> None:
        if self._cluster is None:
            self._cluster = ClusterSource(self._settings.kube_namespace or own_namespace())
        self._figures.jobs = remember(self._figures.jobs, self._cluster.jobs())

    def _read_traffic(self) -> None:
        self._figures.traffic = details.traffic(self._settings, self._figures.release_ids)

    def _read_card(self) -> None:
        champion, known = self._figures.champion, self._figures.card
        if champion and (known is None or known.id != champion):
            self._figures.card = details.card(self._settings, champion)

    def _read_examples(self) -> None:
        newest = self._figures.checks[0] if self._figures.checks else None
        known = self._figures.examples
        if newest and (known is None or known.check != newest.id):
            self._figures.examples = details.examples(self._settings, newest)

    def _read_alerts(self) -> None:
        self._figures.alerts = details.alerts(self._settings.alertmanager_url or "")
