"""Drift checks and the monitor read from DATABASE_READ_URL and write to DATABASE_URL."""

import pytest
from kit.drift_systems import LIKE, System

from drift_cronjob.monitor.settings import MonitorSettings
from drift_cronjob.monitor.sources import LogSource
from drift_cronjob.settings import DriftSettings
from prediction_log import LogError, add_feedback, latest_reports, upgrade


def test_a_check_reads_the_replica_and_writes_the_primary(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = system.log(LIKE)
    add_feedback(system.url, rows[0][0], rows[0][1], None)
    primary = f"sqlite:///{system.folder}/primary.db"
    upgrade(primary)
    monkeypatch.setenv("DATABASE_READ_URL", system.url)
    outcome = system.check(database_url=primary)
    (report,) = latest_reports(primary, 9)
    assert (report.rows, report.verdict) == (len(LIKE), outcome.verdict.value)
    assert latest_reports(system.url, 9) == []
    assert LogSource(MonitorSettings(database_url=primary)).checks() == []
    assert DriftSettings().read_url == system.url
    monkeypatch.setenv("DATABASE_READ_URL", " ")
    assert DriftSettings(database_url=primary).read_url == primary
    assert len(LogSource(MonitorSettings(database_url=primary)).checks()) == 1


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://replica/log", "DATABASE_READ_URL of kind 'mysql' cannot be used"),
        ("postgresql://replica:port/log", "DATABASE_READ_URL cannot be read"),
        ("postgresql://replica/log?pgbouncer=true", "DATABASE_READ_URL: 'pgbouncer' is not a parameter"),
        ("postgresql://replica/log?port=1,2", "DATABASE_READ_URL: port names 2 ports for 1 hosts"),
    ],
)
def test_an_address_that_cannot_be_read_is_named(url: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_READ_URL", url)
    for settings in (DriftSettings, MonitorSettings):
        with pytest.raises(LogError, match=message):
            settings()
