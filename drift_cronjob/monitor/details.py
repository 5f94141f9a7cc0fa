"""Sources for the page alone: the last day's traffic, the champion's card, texts that look new, alerts."""

import json
import urllib.request
from collections.abc import Collection
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

from drift_cronjob.errors import DriftError
from drift_cronjob.monitor.card import Card, make_card
from drift_cronjob.monitor.figures import DriftCheck
from drift_cronjob.monitor.settings import MonitorSettings
from drift_cronjob.window.novelty import novelty
from drift_cronjob.window.sample import first_copies
from drift_cronjob.window.sources import fetch_reference
from model_release import ReleaseStore
from model_release.reference import REFERENCE, Reference
from prediction_log import WindowReader

CARD = "MODEL_CARD.md"
DAY = timedelta(hours=24)
COMPARED_ROWS = 500
SHOWN_TEXTS = 8
SHOWN_CHARACTERS = 600
ALERT_SECONDS = 5.0
LARGEST_ANSWER = 4 * 2**20


class Traffic(BaseModel):
    """Predictions of the last 24 hours; the mean and the percentiles (milliseconds) are null without predictions."""

    predictions: int
    by_label: dict[str, int]
    by_source: dict[str, int]
    by_release: dict[str, int]
    mean_confidence: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


class NewText(BaseModel):
    """A logged text, cut after 600 characters; `novelty` above 1 is farther away than 95 % of the reference rows."""

    text: str
    label: str
    probability: float
    novelty: float
    time: datetime


class Examples(BaseModel):
    """Texts of a check's window that look newest; without texts, `withheld` holds the reason."""

    check: int
    release_id: str
    compared: int
    new_share: float | None
    texts: list[NewText]
    withheld: str | None


class Alert(BaseModel):
    """A firing alert, from Alertmanager."""

    name: str
    severity: str
    summary: str
    description: str
    since: datetime
    runbook: str | None


def traffic(settings: MonitorSettings, releases: Collection[str] | None) -> Traffic:
    """Summarise the last day's predictions of these releases, or of all. Raises LogError: the log cannot be read."""
    now = datetime.now(UTC)
    found = asdict(WindowReader(settings.read_url, settings.query_seconds).summary(now - DAY, now, releases))
    return Traffic(**{name: found[name] for name in Traffic.model_fields})


def reference_of(store: ReleaseStore, name: str, release_id: str, cache: Path) -> Reference | None:
    """Return the release's reference sample; None if it was published without one."""
    manifest = store.manifest(name, release_id)
    if not any(entry.path == REFERENCE for entry in manifest.files):
        return None
    return fetch_reference(store, manifest, cache)


def card(settings: MonitorSettings, release_id: str) -> Card:
    """Read the release's card. Raises ReleaseError: the release cannot be read."""
    store, name = ReleaseStore(settings.releases_uri), settings.model_name
    manifest, text = store.manifest(name, release_id), None
    if any(entry.path == CARD for entry in manifest.files):
        folder = store.fetch(name, release_id, settings.cache_dir, only=(CARD,))
        text = (folder / CARD).read_text("utf-8")
    return make_card(release_id, manifest, reference_of(store, name, release_id, settings.cache_dir), text)


def examples(settings: MonitorSettings, check: DriftCheck) -> Examples:
    """Return the window's texts that look newest, by descending novelty.

    Raises:
        LogError, ReleaseError: a source cannot be read.
    """
    nothing = Examples(check=check.id, release_id=check.release_id, compared=0, new_share=None, texts=[], withheld=None)
    if not settings.show_texts:
        return nothing.model_copy(update={"withheld": "MONITOR_SHOW_TEXTS is off: the monitor shows no logged text"})
    reference = reference_of(
        ReleaseStore(settings.releases_uri), settings.model_name, check.release_id, settings.cache_dir
    )
    if reference is None:
        return nothing.model_copy(update={"withheld": "the release has no reference to compare with"})
    reader = WindowReader(settings.read_url, settings.query_seconds)
    window = reader.read(check.window_start, check.window_end, release_id=check.release_id, max_rows=COMPARED_ROWS)
    sketches = window.sketch.astype(np.float64)
    rows = [row for row in first_copies(window.text_hash) if np.isfinite(sketches[row]).all()]
    if not rows:
        return nothing.model_copy(update={"withheld": "the window's rows are no longer in the log"})
    try:
        scores = novelty(reference.sketch.astype(np.float64), sketches[rows])
    except ValueError as error:
        return nothing.model_copy(update={"withheld": str(error)})
    found: list[NewText] = []
    for place in np.argsort(-scores, kind="stable"):
        row = rows[int(place)]
        text = window.text[row]
        if text is None or len(found) == SHOWN_TEXTS:
            continue
        found.append(
            NewText(
                text=text[:SHOWN_CHARACTERS],
                label="positive" if window.label[row] else "negative",
                probability=float(window.probability[row]),
                novelty=float(scores[place]),
                time=window.time[row].item().replace(tzinfo=UTC),
            )
        )
    shown = {
        "compared": len(rows),
        "new_share": float((scores > 1).mean()),
        "texts": found,
        "withheld": None if found else "the log keeps no texts (LOG_TEXT=hash)",
    }
    return nothing.model_copy(update=shown)


def _alert(document: dict[str, Any]) -> Alert:
    labels, notes = document["labels"], document.get("annotations", {})
    return Alert(
        name=labels["alertname"],
        severity=labels.get("severity", "none"),
        summary=notes.get("summary", ""),
        description=notes.get("description", ""),
        since=datetime.fromisoformat(document["startsAt"]),
        runbook=notes.get("runbook_url"),
    )


def alerts(url: str) -> list[Alert]:
    """Return the alerts that fire and are not silenced, oldest first.

    Raises:
        DriftError: the answer is not an Alertmanager's.
        OSError: there is no answer.
    """
    address = f"{url.rstrip('/')}/api/v2/alerts?active=true&silenced=false&inhibited=false"
    with urllib.request.urlopen(address, timeout=ALERT_SECONDS) as answer:
        raw = answer.read(LARGEST_ANSWER)
    try:
        return sorted((_alert(one) for one in json.loads(raw)), key=lambda alert: alert.since)
    except (ValueError, KeyError, TypeError) as error:
        raise DriftError(
            f"ALERTMANAGER_URL {url} does not answer as an Alertmanager ({error}); check the address"
        ) from error
