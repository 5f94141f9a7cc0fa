"""Sources of the monitor's figures. Each is read alone, so an unavailable source affects only its own figures."""

import logging
from collections.abc import Collection
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import ValidationError

from drift_cronjob.monitor.figures import (
    Database,
    DriftCheck,
    FeedbackAccuracy,
    Hour,
    JobState,
    Promotion,
    Release,
    job_states,
)
from drift_cronjob.monitor.settings import MonitorSettings
from model_release import ReleaseStore
from prediction_log import WindowReader, database_size, latest_reports
from sentiment_common.intervals import wilson
from sentiment_common.kubernetes_api import connect

log = logging.getLogger("drift_cronjob.monitor")
REPORTS = 200
MOST_JOBS = 500
OURS = "app.kubernetes.io/name=sentiment"
DAY = timedelta(hours=24)
ALL_HOURS_AGAIN = timedelta(hours=1)  # a journal may still deliver rows of much earlier hours
OVERLAP = timedelta(hours=1)


class LogSource:
    """The prediction log.

    Raises (each method):
        LogError: the log cannot be reached, or a query takes longer than `query_seconds`.
    """

    def __init__(self, settings: MonitorSettings) -> None:
        self._url, self._seconds = settings.read_url, settings.query_seconds
        self._reader = WindowReader(self._url, self._seconds)
        self._hours: dict[datetime, Hour] = {}
        self._releases: Collection[str] | None = None  # whose hours are kept
        self._all_read = datetime.min.replace(tzinfo=UTC)

    def checks(self, releases: Collection[str] | None = None, limit: int = REPORTS) -> list[DriftCheck]:
        """Return the newest checks first; a malformed row is left out."""
        found = []
        for row in latest_reports(self._url, limit, self._seconds, releases):
            try:
                found.append(DriftCheck.model_validate(asdict(row)))
            except ValidationError as error:
                log.warning("drift report %s: %s", row.id, error.errors()[0]["msg"])
        return found

    def hours(self, hours: int, now: datetime, releases: Collection[str] | None = None) -> list[Hour]:
        """Return the last hours, oldest first; most calls read only the newest hours and keep the others."""
        if releases != self._releases:
            self._releases, self._hours = releases, {}
        oldest = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours - 1)
        start = oldest
        if now - self._all_read < ALL_HOURS_AGAIN and self._hours:
            start = max(oldest, max(self._hours) - OVERLAP)
        found = {row.hour: Hour(**asdict(row)) for row in self._reader.hourly(start, now, releases)}
        if start == oldest:
            self._all_read, self._hours = now, {}
        self._hours = {at: hour for at, hour in (self._hours | found).items() if at >= oldest}
        return [self._hours[at] for at in sorted(self._hours)]

    def feedback(self, release_id: str) -> FeedbackAccuracy | None:
        """Return accuracy by the labels of the last day; None without labels."""
        now = datetime.now(UTC)
        found = self._reader.feedback(now - DAY, now, release_id)
        if not len(found):
            return None
        right = int((found.label == found.true_label).sum())
        return FeedbackAccuracy(release_id=release_id, rows=len(found), accuracy=wilson(right, len(found)))

    def size(self) -> Database:
        size, rows = database_size(self._url, self._seconds)
        return Database(bytes=size, rows=rows)


class StoreSource:
    """The release store. Manifests never change, so each is read once.

    Raises (each method):
        ReleaseError: the store cannot be reached.
    """

    def __init__(self, settings: MonitorSettings) -> None:
        self._store, self._name = ReleaseStore(settings.releases_uri), settings.model_name
        self._known: dict[str, Release] = {}

    def releases(self) -> list[Release]:
        """Return the newest releases first."""
        champion = self._store.champion(self._name)
        for release_id in self._store.list_releases(self._name):
            if release_id not in self._known:
                self._known[release_id] = self._read(release_id)
        found = [
            one.model_copy(update={"champion": champion is not None and one.id == champion.id})
            for one in self._known.values()
        ]
        return sorted(found, key=lambda one: one.created, reverse=True)

    def release_ids(self) -> frozenset[str]:
        return self._store.release_ids(self._name)

    def _read(self, release_id: str) -> Release:
        manifest = self._store.manifest(self._name, release_id)
        seconds = manifest.facts.get("train_seconds")
        return Release(
            id=release_id,
            created=datetime.fromisoformat(manifest.created_at),
            accuracy=manifest.metrics.get("accuracy"),
            train_seconds=float(seconds) if isinstance(seconds, int | float) else None,
            champion=False,
        )

    def promotions(self) -> list[Promotion]:
        """Return the newest promotions first."""
        return [Promotion.model_validate(entry) for entry in reversed(self._store.audit(self._name))]


class ClusterSource:
    """The namespace's Jobs, read with the pod's service account or the kubeconfig."""

    def __init__(self, namespace: str) -> None:
        from kubernetes import client

        connect()
        self._batch, self._namespace = client.BatchV1Api(), namespace
        self._plain: Any = client.ApiClient().sanitize_for_serialization

    def jobs(self) -> list[JobState]:
        """Return the state of each component. Errors of the Kubernetes client are passed on."""
        found = self._batch.list_namespaced_job(
            self._namespace,
            label_selector=OURS,
            limit=MOST_JOBS,
            _request_timeout=(3, 10),
        )
        return job_states(self._plain(found)["items"])
