"""`python -m prediction_log`."""

import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from kit.log_rows import record, write
from kit.postgres import PASSWORD, Postgres
from typer.testing import CliRunner

from prediction_log import LogError, WindowReader
from prediction_log.cli import app
from prediction_log.maintenance.migrate import head


def output(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return " ".join(done.output.split())


def test_upgrade_hourly_and_maintain(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_url)
    assert output("upgrade") == f"the prediction log is at revision {head()}"
    now = datetime.now(UTC)
    write(empty_url, [record(now, probability=0.9), record(now, probability=0.7), record(now - timedelta(days=100))])
    row = output("hourly", "--hours", "2")
    assert f"{now:%Y-%m-%d %H:00}" in row
    assert "0.800" in row
    assert "removed 1 predictions, 0 labels and 0 drift reports older than 30 days" in output(
        "maintain", "--keep", "30"
    )
    assert WindowReader(empty_url).summary(now - timedelta(days=200), now + timedelta(days=1)).predictions == 2


def test_a_mistake_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "prediction_log", "hourly", "--database-url", "mysql://x"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: DATABASE_URL")
    assert done.stderr.count("\n") == 1


def test_upgrade_waits_for_the_database(stoppable: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    url = stoppable.new_database()
    stoppable.stop("fast")
    starting = threading.Timer(2.0, stoppable.start)
    starting.start()
    try:
        monkeypatch.setenv("DATABASE_URL", url)
        lines = output("upgrade", "--wait", "60")
    finally:
        starting.join()
    assert f"at revision {head()}" in lines
    assert "waiting: the database postgresql://" in lines
    assert "of 60 s)" in lines
    assert PASSWORD not in lines


def test_the_end_of_the_wait_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:hunter2@127.0.0.1:1/log")
    monkeypatch.setenv("DATABASE_WAIT_SECONDS", "1.5")
    with pytest.raises(LogError, match=r"127.0.0.1:1/log cannot be used: .*\(waited \d s for it\)") as caught:
        output("upgrade")
    assert "hunter2" not in str(caught.value)
    with pytest.raises(LogError, match="cannot be read") as caught:
        output("upgrade", "--database-url", "postgresql://me@host:port/log", "--wait", "60")
    assert "waited" not in str(caught.value)  # a bad address will not get better
