"""The monitor over a real store and a real log: metrics, JSON, reports, unavailable sources."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from kit.log_rows import record, wait_until, write
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from drift_cronjob.monitor import watch as watching
from drift_cronjob.monitor.app import LONGEST_LIST, make_app
from drift_cronjob.monitor.figures import JobState
from drift_cronjob.monitor.settings import MonitorSettings
from drift_cronjob.monitor.sources import LogSource
from drift_cronjob.monitor.watch import HOURS, Watch
from drift_cronjob.statistics.statistic import Statistic
from model_release import ReleaseError
from prediction_log import DriftReportRow, LogError, add_feedback, save_report, upgrade

NOW = datetime.now(UTC)
REPORT = "drift-20260504T120000123Z-0a1b2c3d"
MARGIN = Statistic("margin", "concept", 0.9, 0.001, 0.4, 400, 200, "Margins fell", True, 0.2, 0.004, 0.03)
ESTIMATE = Statistic("estimated_accuracy", "performance", 0.81, 0.5, 0.0, 400, 200, "As before", True, 0.03, 0.9, 0.03)


class System:
    """A watch over a separate log and the shared tiny release."""

    def __init__(self, folder: Path, release: tuple[str, str]) -> None:
        self.folder, (self.releases, self.release_id) = folder, release
        self.url = f"sqlite:///{folder}/predictions.db"
        upgrade(self.url)
        self.settings = MonitorSettings(database_url=self.url, releases_uri=self.releases, seconds=1, query_seconds=5)
        self.watch = Watch(self.settings)
        self.client = TestClient(make_app(lambda: self.watch.figures))

    def check(self, verdict: str = "drift", report_uri: str | None = None, **changes: Any) -> int:
        row = DriftReportRow(
            created=NOW, window_start=NOW - timedelta(hours=1), window_end=NOW, release_id=self.release_id,
            verdict=verdict, reason="Margins fell.", rows=200, statistics=[asdict(MARGIN), asdict(ESTIMATE)],
            report_uri=report_uri,
        )  # fmt: skip
        return save_report(self.url, DriftReportRow(**(asdict(row) | changes)))

    def json(self, path: str) -> Any:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def metrics(self) -> dict[tuple[str, ...], float]:
        """(name, label values in the order of their names …) of every sample."""
        families = text_string_to_metric_families(self.client.get("/metrics").text)
        return {
            (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
            for family in families
            for sample in family.samples
        }


@pytest.fixture
def system(tmp_path: Path, tiny_release: tuple[str, str]) -> System:
    return System(tmp_path, tiny_release)


def test_the_metrics(system: System) -> None:
    rows = [record(NOW, release_id=system.release_id, probability=0.9) for _ in range(4)]
    write(system.url, rows)
    for row, label in zip(rows, ["positive", "positive", "positive", "negative"], strict=True):
        add_feedback(system.url, row.id, label, None)
    system.check("stable")
    system.check("drift")
    system.check("warning", release_id="b" * 16)
    system.watch.read()
    found, release = system.metrics(), system.release_id
    assert found["ml_drift_verdict", release, "drift"] == 1
    assert found["ml_drift_verdict", release, "stable"] == 0
    assert ("ml_drift_verdict", "b" * 16, "warning") not in found  # of another model that shares the log
    assert found["ml_drift_last_check_timestamp_seconds", release] == pytest.approx(NOW.timestamp(), abs=0.01)
    assert found["ml_drift_window_rows", release] == 200
    assert found["ml_drift_statistic", release, "margin"] == 0.4
    assert found["ml_drift_threshold", release, "margin"] == 0.2
    assert found["ml_drift_p_value", release, "margin"] == 0.001
    assert found["ml_estimated_accuracy", release] == 0.81
    assert found["ml_feedback_accuracy", release] == 0.75
    assert found["ml_feedback_accuracy_low", release] < 0.75 < found["ml_feedback_accuracy_high", release]
    assert found["ml_feedback_rows", release] == 4
    assert found["ml_champion_info", release] == 1
    assert found["ml_release_accuracy", release] == 0.5
    assert (found["ml_release_accuracy_low", release], found["ml_release_accuracy_high", release]) == (0.4, 0.6)
    assert found["ml_release_created_timestamp_seconds", release] > 1.7e9
    assert found["ml_database_bytes",] > 4096
    assert found["ml_database_rows", "predictions"] == 4
    assert found["ml_database_rows", "feedback"] == 4
    assert found["ml_monitor_up", "database"] == found["ml_monitor_up", "store"] == 1
    assert ("ml_monitor_up", "cluster") not in found


def test_jobs_of_a_cluster(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    class Cluster:
        def __init__(self, namespace: str) -> None:
            assert namespace == "ours"

        def jobs(self) -> list[JobState]:
            return [JobState(component="training", last_success=5.0, last_failure=9.0, failed=True, active=1)]

    monkeypatch.setattr(watching, "ClusterSource", Cluster)
    system.watch = Watch(system.settings.model_copy(update={"kube_namespace": "ours"}))
    system.watch.read()
    found = system.metrics()
    assert found["ml_job_last_success_timestamp_seconds", "training"] == 5
    assert found["ml_job_last_failure_timestamp_seconds", "training"] == 9
    assert (found["ml_job_active", "training"], found["ml_job_failed", "training"]) == (1, 1)
    assert found["ml_monitor_up", "cluster"] == 1


def test_the_json(system: System) -> None:
    own = {"release_id": system.release_id}
    write(system.url, [record(NOW - timedelta(hours=n), probability=0.5 + 0.1 * n, **own) for n in (0, 1, 1, 30)])
    write(system.url, [record(NOW - timedelta(hours=1), release_id="b" * 16)])  # of another model
    numbers = [system.check(verdict) for verdict in ("stable", "drift")]
    system.watch.read()
    status = system.json("/api/status")
    assert status["champion"] == system.release_id
    assert status["last_check"]["verdict"] == "drift"
    assert status["up"] == dict.fromkeys(("store", "database", "traffic", "card", "examples"), True)
    assert (status["traffic"]["predictions"], status["traffic"]["by_label"]) == (3, {"positive": 3})
    assert status["traffic"]["p50_ms"] == status["traffic"]["p99_ms"] == 8.5
    assert status["alerts"] is None
    assert abs(status["read_at"]["database"] - time.time()) < 60
    checks = system.json("/api/drift?limit=1")["checks"]
    assert [one["id"] for one in checks] == numbers[1:]
    (margin, _) = checks[0]["statistics"]
    assert {name: margin[name] for name in ("name", "value", "effect", "effect_floor", "p_value", "threshold")} == {
        "name": "margin", "value": 0.9, "effect": 0.4, "effect_floor": 0.2, "p_value": 0.001, "threshold": 0.03,
    }  # fmt: skip
    assert len(system.json("/api/drift")["checks"]) == 2
    releases = system.json("/api/releases")
    assert (releases["releases"][0]["id"], releases["releases"][0]["champion"]) == (system.release_id, True)
    assert releases["promotions"][0]["action"] == "promote"
    assert [hour["predictions"] for hour in system.json("/api/hourly")["hours"]] == [2, 1]
    assert len(system.json(f"/api/hourly?hours={HOURS}")["hours"]) == 3


def test_the_hours_match_the_database_view(system: System) -> None:
    import sqlite3

    write(system.url, [record(NOW - timedelta(minutes=17 * n), probability=0.5 + n / 100) for n in range(40)])
    source = LogSource(system.settings)
    for _ in range(2):  # the second time only the last hours are read
        found = source.hours(HOURS, datetime.now(UTC))
        with sqlite3.connect(system.url.removeprefix("sqlite:///")) as connection:
            view = connection.execute("SELECT * FROM prediction_logs_hourly ORDER BY hour").fetchall()
        assert [(f"{one.hour:%Y-%m-%d %H:%M:%S}", one.predictions) for one in found] == [row[:2] for row in view]
        assert [one.average_confidence for one in found] == pytest.approx([row[2] for row in view])
        write(system.url, [record(NOW, probability=0.6)])


def test_every_answer_matches_the_openapi_document(system: System) -> None:
    system.check()
    write(system.url, [record(NOW)])
    system.watch.read()
    document = system.json("/api/openapi.json")
    assert document["openapi"].startswith("3.1")
    for path in ("/api/status", "/api/drift", "/api/releases", "/api/hourly"):
        content = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]
        schema = {**content["schema"], "components": document["components"]}
        jsonschema.validate(system.json(path), schema)
    assert "/api/drift/{id}/report" in document["paths"]


@pytest.mark.parametrize("query", ["limit=0", f"limit={LONGEST_LIST + 1}", "limit=many", "limit=-1", "limit=%C2%B2"])
def test_a_bad_number_is_named(system: System, query: str) -> None:
    answer = system.client.get(f"/api/drift?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("limit is ")
    assert system.client.get("/api/hourly?hours=0").status_code == 400
    assert system.client.post("/api/drift").status_code == 405


def test_only_reports_can_be_read(system: System) -> None:
    (system.folder / f"{REPORT}.html").write_text("<!doctype html><p>the report")
    (system.folder / f"{REPORT}-evidently.html").write_text("<html>drawn")
    (system.folder / "drift-20260504T120000124Z-0a1b2c3d.html").write_text("secrets")
    written = system.check(report_uri=f"{system.folder}/{REPORT}.html")
    removed = system.check(report_uri=f"{system.folder}/{REPORT[:-1]}e.html")
    foreign = system.check(report_uri=f"{system.folder}/predictions.db")
    disguised = system.check(report_uri=f"{system.folder}/drift-20260504T120000124Z-0a1b2c3d.html")
    without = system.check()
    system.watch.read()
    page = system.client.get(f"/api/drift/{written}/report")
    assert (page.status_code, page.text) == (200, "<!doctype html><p>the report")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "sandbox" in page.headers["content-security-policy"]
    beside = system.client.get(f"/api/drift/{written}/{REPORT}-evidently.html")
    assert (beside.status_code, beside.text) == (200, "<html>drawn")
    for number in (foreign, without, 10_000):
        assert system.client.get(f"/api/drift/{number}/report").status_code == 404
    for path in (f"{written}/predictions.db", f"{written}/..%2F..%2Fpredictions.db", f"{written}/%2Fetc%2Fpasswd"):
        assert system.client.get(f"/api/drift/{path}").status_code == 404
    assert "was removed" in system.client.get(f"/api/drift/{removed}/report").json()["error"]
    assert "is not a report" in system.client.get(f"/api/drift/{disguised}/report").json()["error"]


def test_figures_outlive_their_source(system: System, tmp_path: Path) -> None:
    releases = tmp_path / "releases"
    shutil.copytree(system.releases, releases)
    system.watch = Watch(system.settings.model_copy(update={"releases_uri": str(releases)}))
    system.check()
    system.watch.read()
    database = tmp_path / "predictions.db"
    database.rename(tmp_path / "away.db")
    releases.rename(tmp_path / "away")
    (tmp_path / "releases").write_text("not a folder")
    read_at = {name: system.watch.figures.read_at[name] for name in ("store", "database", "traffic")}
    system.watch.read()
    assert not database.exists()
    found = system.metrics()
    assert (found["ml_monitor_up", "database"], found["ml_monitor_up", "store"]) == (0, 0)
    assert found["ml_drift_verdict", system.release_id, "drift"] == 1
    assert found["ml_champion_info", system.release_id] == 1
    assert system.json("/api/status")["read_at"].items() >= read_at.items()
    assert system.client.get("/healthz").status_code == 200
    (tmp_path / "away.db").rename(database)
    (tmp_path / "releases").unlink()
    (tmp_path / "away").rename(releases)
    system.watch.read()
    assert (system.metrics()["ml_monitor_up", "database"], system.metrics()["ml_monitor_up", "store"]) == (1, 1)


def test_a_source_that_hangs_delays_no_other(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setattr(watching, "HANGING_SECONDS", 0.2)
    monkeypatch.setattr("drift_cronjob.monitor.sources.StoreSource.releases", lambda _: released.wait(250) and [])
    system.check()
    system.watch.start()
    try:
        expected = {"database": True, "store": False}
        wait_until(lambda: {name: system.watch.figures.up.get(name) for name in expected} == expected)
        assert ("ml_drift_verdict", system.release_id, "drift") in system.metrics()
        assert not released.is_set()  # it still hangs
    finally:
        released.set()
        system.watch.stop()


def test_a_malformed_row_is_left_out(system: System) -> None:
    system.check(statistics=[{"effect": 1.0}])
    system.check(statistics=[{"name": "margin", "effect": None, "new": [1]}])
    system.watch.read()
    assert system.watch.figures.up["database"]
    assert len(system.json("/api/drift")["checks"]) == 1


def test_bad_addresses_are_refused_at_once(system: System) -> None:
    with pytest.raises(LogError, match="DATABASE_URL"):
        Watch(system.settings.model_copy(update={"database_url": "mysql://x"}))
    with pytest.raises(ReleaseError, match="RELEASES_URI"):
        Watch(system.settings.model_copy(update={"releases_uri": "gopher://x"}))


@pytest.fixture
def start(system: System, tmp_path: Path) -> Callable[..., "subprocess.Popen[str]"]:
    def begin(port: int) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "drift_cronjob", "monitor", "--host", "127.0.0.1", "--port", str(port)]
        environment = {
            **os.environ,
            "DATABASE_URL": system.url,
            "RELEASES_URI": system.releases,
            "MONITOR_SECONDS": "1",
        }
        return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)

    return begin


def test_the_command(system: System, start: Callable[..., "subprocess.Popen[str]"]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.listen()
        refused = start(port)
        assert "choose another by --port" in refused.communicate(timeout=60)[1]
        assert refused.returncode == 2
    system.check()
    process = start(port)
    try:

        def answers() -> bool:
            try:
                figures = httpx.get(f"http://127.0.0.1:{port}/api/status", timeout=2).json()
            except (httpx.HTTPError, json.JSONDecodeError):
                return False
            return bool(figures["last_check"] and figures["champion"])

        wait_until(answers, 60)
    finally:
        process.send_signal(signal.SIGTERM)
        output = process.communicate(timeout=30)[1]
    assert process.returncode in (0, -signal.SIGTERM)
    assert "Traceback" not in output
