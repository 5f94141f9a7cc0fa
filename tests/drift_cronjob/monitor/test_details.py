"""The page's part of the monitor: a release's card, texts that look new, alerts."""

import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from kit.factories import make_texts
from kit.log_rows import id_at, write

from drift_cronjob.errors import DriftError
from drift_cronjob.monitor import details
from drift_cronjob.monitor.card import measure
from drift_cronjob.monitor.figures import DriftCheck
from drift_cronjob.monitor.settings import MonitorSettings
from drift_cronjob.monitor.watch import Watch
from drift_cronjob.window.novelty import novelty
from model_release import ReleaseStore, Scorer
from model_release.scoring.features import sketch, text_hash
from prediction_log import DriftReportRow, PredictionRecord, save_report, upgrade
from training_job.measure.evaluate import evaluate

NOW = datetime.now(UTC)


@pytest.fixture
def settings(tmp_path: Path, tiny_release: tuple[str, str]) -> MonitorSettings:
    url = f"sqlite:///{tmp_path}/log.db"
    upgrade(url)
    return MonitorSettings(database_url=url, releases_uri=tiny_release[0], cache_dir=tmp_path / "cache")


def log_texts(
    settings: MonitorSettings, release: str, texts: list[str], *, keep: bool = True, moved: float = 0.0
) -> None:
    """Log texts as the server does, with their sketches shifted by `moved`."""
    folder = ReleaseStore(settings.releases_uri).fetch("sentiment", release, settings.cache_dir)
    scores = Scorer.load(folder / "serving", threads=1).score(texts)
    sketches = (sketch(scores.embedding) + moved).astype("<f2")
    rows = [
        PredictionRecord(
            id=id_at(NOW - timedelta(minutes=5)), release_id=release, label="positive", probability=0.8,
            confidence=0.8, margin=1.0, tokens=9, truncated=False, latency_ms=3.0, source="predict",
            text=text if keep else None, text_hash=text_hash(text), sketch=sketches[row].tobytes(),
        )
        for row, text in enumerate(texts)
    ]  # fmt: skip
    write(settings.database_url, rows)


def add_check(settings: MonitorSettings, release: str) -> int:
    return save_report(
        settings.database_url,
        DriftReportRow(NOW, NOW - timedelta(hours=1), NOW, release, "warning", "Some.", 10),
    )


def check_of(settings: MonitorSettings, release: str) -> DriftCheck:
    row = DriftReportRow(NOW, NOW - timedelta(hours=1), NOW, release, "warning", "Some.", 10)
    return DriftCheck(id=1, **asdict(row))


def test_the_card_has_the_manifest_and_the_figures(settings, tiny_release) -> None:
    card = details.card(settings, tiny_release[1])
    assert (card.id, card.base_model, card.max_tokens) == (tiny_release[1], "scratch-tiny", 64)
    assert card.text == "# A release for tests\n"
    assert card.metrics["accuracy"].low == 0.4
    assert card.measured is not None
    assert card.measured.rows == 120
    assert sum(card.measured.confusion.model_dump().values()) == 120
    assert sum(part.rows for part in card.measured.reliability) == 120
    assert sum(part.rows for part in card.measured.slices[:4]) == 120


def test_the_card_s_figures_equal_the_training_s(settings, tiny_release) -> None:
    store = ReleaseStore(settings.releases_uri)
    manifest = store.manifest("sentiment", tiny_release[1])
    reference = details.reference_of(store, "sentiment", tiny_release[1], settings.cache_dir)
    assert reference is not None
    measured = measure(reference, manifest.decision_threshold)
    texts, _ = make_texts(120)
    trained = evaluate(
        texts, reference.label, reference.margin, reference.tokens, reference.truncated,
        temperature=manifest.temperature, threshold=manifest.decision_threshold,
    )  # fmt: skip
    assert measured is not None
    assert measured.confusion.model_dump() == asdict(trained.confusion)
    assert measured.accuracy.model_dump() == pytest.approx(trained.accuracy.model_dump())
    assert [bin.rows for bin in measured.reliability] == [bin.rows for bin in trained.reliability_after]
    by_kind = {part.name: part.rows for part in trained.slices}
    assert [part.rows for part in measured.slices[4:6]] == [
        by_kind["with an English negation"],
        by_kind["without an English negation"],
    ]


def test_novelty_is_one_where_the_reference_ends() -> None:
    rng = np.random.default_rng(1)
    reference, alike = rng.normal(size=(600, 16)), rng.normal(size=(600, 16))
    assert 0.02 < (novelty(reference, alike) > 1).mean() < 0.09
    foreign = alike + 3
    assert (novelty(reference, foreign) > 1).mean() > 0.99
    with pytest.raises(ValueError, match="the reference has 5 rows; novelty needs more than 5"):
        novelty(reference[:5], alike)


def test_texts_of_a_new_kind_are_shown_first(settings, tiny_release) -> None:
    new = "a text of a new kind"
    log_texts(settings, tiny_release[1], make_texts(40, seed=9)[0])
    log_texts(settings, tiny_release[1], [new, new], moved=9)
    found = details.examples(settings, check_of(settings, tiny_release[1]))
    assert found.withheld is None
    assert found.compared == 41
    assert found.texts[0].text == new
    assert found.texts[0].novelty == max(text.novelty for text in found.texts) > 1
    assert found.new_share is not None and found.new_share < 0.5


@pytest.mark.parametrize(
    ("keep", "changes", "reason"),
    [(False, {}, "LOG_TEXT=hash"), (True, {"show_texts": False}, "MONITOR_SHOW_TEXTS")],
)
def test_texts_that_must_not_be_shown_are_withheld(settings, tiny_release, keep, changes, reason) -> None:
    log_texts(settings, tiny_release[1], make_texts(12)[0], keep=keep)
    found = details.examples(settings.model_copy(update=changes), check_of(settings, tiny_release[1]))
    assert found.texts == []
    assert reason in str(found.withheld)


def test_the_watch_reads_card_and_examples_once(settings, tiny_release, monkeypatch) -> None:
    log_texts(settings, tiny_release[1], make_texts(12)[0])
    number = add_check(settings, tiny_release[1])
    watch = Watch(settings)
    watch.read()
    figures = watch.figures
    assert figures.examples is not None and figures.examples.check == number
    assert figures.card is not None and figures.card.id == tiny_release[1]
    monkeypatch.setattr(details, "card", lambda *_: pytest.fail("read again"))
    monkeypatch.setattr(details, "examples", lambda *_: pytest.fail("read again"))
    watch.read()
    assert all(watch.figures.up.values())


@pytest.fixture
def alertmanager() -> Iterator[tuple[str, list[object]]]:
    answer: list[object] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path.startswith("/api/v2/alerts?active=true")
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", answer
    server.shutdown()
    server.server_close()


def test_firing_alerts(settings, alertmanager) -> None:
    url, answer = alertmanager
    answer += [
        {
            "labels": {"alertname": name, "severity": "warning"},
            "annotations": {"summary": "Drift was found.", "runbook_url": "https://docs.example/x.md"},
            "startsAt": f"2026-11-2{day}T10:00:00.123Z",
        }
        for day, name in ((4, "SentimentDrift"), (3, "SentimentLatencyP95"))
    ]
    watch = Watch(settings.model_copy(update={"alertmanager_url": url}))
    watch.read()
    found = watch.figures.alerts
    assert found is not None
    assert [alert.name for alert in found] == ["SentimentLatencyP95", "SentimentDrift"]
    assert (found[0].summary, found[0].description) == ("Drift was found.", "")
    answer[:] = [{"labels": {}}]
    with pytest.raises(DriftError, match="ALERTMANAGER_URL"):
        details.alerts(url)
    watch.read()
    assert watch.figures.up["alerts"] is False
    assert watch.figures.alerts == found
