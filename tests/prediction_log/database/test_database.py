"""Messages for addresses and databases that cannot be used."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from kit.log_rows import record, write
from kit.postgres import Postgres, Server
from sqlalchemy import text
from sqlalchemy.engine import make_url

from prediction_log import LogError, WindowReader, add_feedback, latest_reports, maintain, new_id, upgrade
from prediction_log.database.connection import connected, parse_url, run, shown
from prediction_log.maintenance.migrate import revision

NOW = datetime.now(UTC)


def message_for(url: str) -> str:
    with pytest.raises(LogError) as caught:
        WindowReader(url).summary(NOW - timedelta(days=1), NOW)
    return str(caught.value)


def test_an_address_is_shown_without_its_password() -> None:
    assert (
        shown(parse_url("postgres://me:hunter2@db:5432/log?sslmode=require"))
        == "postgresql://me:***@db:5432/log?sslmode=require"
    )
    assert shown(parse_url("sqlite:///var/x.db")) == "sqlite:///var/x.db"


@pytest.mark.parametrize("host", ["127.0.0.1:1", "no-such-host.invalid"])
def test_a_server_that_cannot_be_reached(host: str) -> None:
    message = message_for(f"postgresql://me:hunter2@{host}/log")
    assert host.partition(":")[0] in message
    assert "hunter2" not in message


def test_a_wrong_password_and_a_missing_database(server: Server) -> None:
    wrong = make_url(server.url).set(password="hunter2").render_as_string(hide_password=False)
    if os.environ.get("TEST_POSTGRES_URL") is None:
        assert "password authentication failed" in message_for(wrong)
        assert "hunter2" not in message_for(wrong)
    assert "does not exist" in message_for(
        make_url(server.url).set(database="nowhere").render_as_string(hide_password=False)
    )


def test_options_of_libpq_in_the_address(postgres_url: str) -> None:
    url = f"{postgres_url}?sslmode=disable&application_name=mine"
    write(url, [record()])
    assert WindowReader(url).summary(NOW - timedelta(days=1), NOW + timedelta(days=1)).predictions == 1
    wrong = message_for(f"{postgres_url}?sslmode=require")
    assert "SSL" in wrong


def test_missing_tables_name_the_remedy(empty_url: str) -> None:
    for action in (
        lambda: WindowReader(empty_url).read(NOW, NOW),
        lambda: WindowReader(empty_url).hourly(NOW, NOW),
        lambda: add_feedback(empty_url, new_id(), "positive", None),
        lambda: latest_reports(empty_url, 1),
        lambda: maintain(empty_url),
    ):
        with pytest.raises(LogError, match="python -m prediction_log upgrade"):
            action()


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("this is a text file, " * 100)
    assert "not a database" in message_for(f"sqlite:///{tmp_path}/x.db")
    (tmp_path / "file").write_text("")
    assert "file" in message_for(f"sqlite:///{tmp_path}/file/x.db")
    with pytest.raises(LogError):
        upgrade(f"sqlite:///{tmp_path}/x.db")


def test_a_reader_makes_no_file_and_no_folder(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/log/predictions.db"
    assert "does not exist" in message_for(url)
    with pytest.raises(LogError, match="does not exist"):
        latest_reports(url, 1)
    assert revision(url) is None
    assert list(tmp_path.iterdir()) == []


def test_a_query_that_takes_too_long_is_ended(url: str) -> None:
    reader = WindowReader(url, timeout_seconds=0.3)
    assert reader.summary(NOW - timedelta(days=1), NOW).predictions == 0
    slow = {
        "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n",
        "postgresql": "SELECT pg_sleep(30)",
    }[make_url(url).get_backend_name()]

    async def work() -> None:
        async with connected(parse_url(url), seconds=0.3) as connection:
            await connection.execute(text(slow))

    with pytest.raises(LogError, match="the statement took too long"):
        run(work())


def test_a_frozen_postgres_does_not_block_a_reader(
    stoppable: Postgres, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prediction_log.database.connection._CLIENT_SECONDS", 0.2)

    async def work() -> None:
        async with connected(parse_url(postgres_url), seconds=0.3) as connection:
            stoppable.pause()
            await connection.execute(text("SELECT 1"))

    with pytest.raises(LogError, match="no answer in time"):
        run(work())


def test_a_full_disk(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    upgrade(f"sqlite:///{path}")
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))\n"
        "from prediction_log import DriftReportRow, LogError, save_report\n"
        "from datetime import UTC, datetime\nnow = datetime.now(UTC)\n"
        "row = DriftReportRow(now, now, now, 'a', 'stable', 'x' * 1_000_000, 1)\n"
        f"try: save_report('sqlite:///{path}', row)\nexcept LogError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert f"the database sqlite:///{path} cannot be used: " in done.stdout, done
    assert latest_reports(f"sqlite:///{path}", 5) == []
