"""The log in a database that other programs use too: each keeps its own revision, and names are not taken over."""

import importlib.util
import os
import subprocess
import sys
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from kit.log_rows import record, wait_until, write
from kit.postgres import PASSWORD, Server
from sqlalchemy import Connection, inspect, text
from sqlalchemy.engine import make_url

from model_server.server import open_log
from model_server.settings import ServerSettings
from prediction_log import LogRefused, LogWriter, WindowReader, upgrade
from prediction_log.database.connection import connected, parse_url, run
from prediction_log.maintenance.migrate import head, revision, upgrade_when_there

ROOT = Path(__file__).resolve().parents[3]
# Each prints nothing, and ends with an error where it cannot use the database.
MLFLOW = """
import sys
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
SqlAlchemyStore(sys.argv[1], sys.argv[2]).search_experiments()
"""
OPTUNA = """
import sys, optuna
optuna.create_study(storage=sys.argv[1], study_name="s", load_if_exists=True).optimize(lambda trial: 1.0, n_trials=1)
"""


def others_url(url: str) -> str:
    """The address for programs that use psycopg."""
    return url.replace("postgresql://", "postgresql+psycopg2://")


def use(program: str, url: str, tmp_path: Path) -> None:
    if not url.startswith("sqlite") and importlib.util.find_spec("psycopg2") is None:
        pytest.skip("MLflow and Optuna need psycopg2 for Postgres: pip install psycopg2-binary")
    command = [sys.executable, "-c", program, others_url(url), str(tmp_path / "artifacts")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def statements(url: str, *all_of_them: str) -> list[list[object]]:
    """The rows of each."""

    def work(connection: Connection) -> list[list[object]]:
        results = (connection.execute(text(one)) for one in all_of_them)
        return [[tuple(row) for row in result] if result.returns_rows else [] for result in results]

    async def begin() -> list[list[object]]:
        async with connected(parse_url(url), make=True) as connection:
            return await connection.run_sync(work)

    return run(begin())


def names(url: str) -> set[str]:
    async def begin() -> set[str]:
        async with connected(parse_url(url)) as connection:
            return await connection.run_sync(lambda sync: {*inspect(sync).get_table_names()})

    return run(begin())


def is_used(url: str) -> bool:
    write(url, [record()])
    now, hour = datetime.now(UTC), timedelta(hours=1)
    return WindowReader(url).summary(now - hour, now + hour).predictions > 0


def make_as_before(url: str) -> None:
    """The log as versions before left it: its revision in the table that Alembic programs share."""
    upgrade(url)
    statements(
        url,
        "ALTER TABLE prediction_log_version RENAME TO alembic_version",
        *(
            []
            if url.startswith("sqlite")
            else ["ALTER TABLE alembic_version RENAME CONSTRAINT prediction_log_version_pkc TO alembic_version_pkc"]
        ),
    )


@pytest.mark.parametrize(
    ("program", "log_first"),
    [(MLFLOW, False), (OPTUNA, False), (OPTUNA, True)],  # MLflow after the log: the test of a take-over
    ids=["mlflow-first", "optuna-first", "log-first"],
)
def test_beside_other_alembic_programs(empty_url: str, tmp_path: Path, program: str, log_first: bool) -> None:
    if log_first:
        upgrade(empty_url)
    elif empty_url.startswith("sqlite"):
        statements(empty_url, "SELECT 1")
    use(program, empty_url, tmp_path)
    (theirs,) = statements(empty_url, "SELECT version_num FROM alembic_version")
    upgrade(empty_url)
    upgrade(empty_url)
    assert is_used(empty_url)
    assert revision(empty_url) == head()
    assert statements(empty_url, "SELECT version_num FROM alembic_version") == [theirs]
    use(program, empty_url, tmp_path)


def test_beside_a_program_of_another_role(server: Server) -> None:
    """Its revision's table may not be read, and the log's migrations do not need it."""
    url = server.new_database()
    name, theirs, ours = make_url(url).database, f"theirs_{uuid.uuid4().hex}", f"ours_{uuid.uuid4().hex}"
    try:
        for role in (theirs, ours):
            server.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'")
            server.execute(f"GRANT CREATE, USAGE ON SCHEMA public TO {role}", url)
        their_url, our_url = (
            make_url(url).set(username=role, password=PASSWORD).render_as_string(hide_password=False)
            for role in (theirs, ours)
        )
        server.execute("CREATE TABLE alembic_version (version_num varchar(32))", their_url)
        server.execute("INSERT INTO alembic_version VALUES ('0003')", their_url)
        for _ in range(2):
            upgrade(our_url)
        assert is_used(our_url)
        assert revision(our_url) == head()
        assert statements(their_url, "SELECT version_num FROM alembic_version") == [[("0003",)]]
    finally:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")
        for role in (theirs, ours):
            server.execute(f"DROP ROLE IF EXISTS {role}")


def test_an_installation_of_before_is_taken_over(empty_url: str, tmp_path: Path) -> None:
    make_as_before(empty_url)
    assert is_used(empty_url)
    assert revision(empty_url) == head()  # as doctor asks, which changes nothing
    assert "prediction_log_version" not in names(empty_url)
    upgrade(empty_url)
    assert revision(empty_url) == head()
    assert "prediction_log_version" in names(empty_url)
    assert "alembic_version" not in names(empty_url)
    assert is_used(empty_url)
    use(MLFLOW, empty_url, tmp_path)  # it could not be put beside the log before


def test_other_programs_rows_stay_when_it_is_taken_over(empty_url: str) -> None:
    make_as_before(empty_url)
    statements(empty_url, "INSERT INTO alembic_version VALUES ('cafe00c0ffee')")
    upgrade(empty_url)
    assert statements(empty_url, "SELECT version_num FROM alembic_version") == [[("cafe00c0ffee",)]]
    assert statements(empty_url, "SELECT version_num FROM prediction_log_version") == [[(head(),)]]


def test_a_revision_of_the_same_number_is_another_program_s(empty_url: str) -> None:
    """Many programs call their first revision 0001."""
    made = "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"
    statements(empty_url, made, "INSERT INTO alembic_version VALUES ('0001')")
    assert revision(empty_url) is None
    upgrade(empty_url)
    assert is_used(empty_url)
    assert statements(empty_url, "SELECT version_num FROM alembic_version") == [[("0001",)]]


@pytest.mark.parametrize(
    ("kind", "name"),
    [("TABLE", "predictions"), ("TABLE", "feedback"), ("TABLE", "drift_reports"), ("TABLE", "predictions_20260101"),
     ("VIEW", "prediction_logs")],
)  # fmt: skip
def test_names_of_another_program_are_refused(empty_url: str, kind: str, name: str) -> None:
    body = "(id INTEGER, body TEXT)" if kind == "TABLE" else "AS SELECT 1 AS id"
    statements(empty_url, f"CREATE {kind} {name} {body}", "CREATE TABLE more (id INTEGER)")
    before = names(empty_url)
    for call in (upgrade, revision, lambda url: upgrade_when_there(url, 60, lambda _: pytest.fail("it waited"))):
        with pytest.raises(LogRefused, match=rf"another program .*\({name}\), and nothing was changed; give the log "):
            call(empty_url)
    assert names(empty_url) == before


def test_a_separate_schema(server: object, tmp_path: Path) -> None:
    """The remedy that the refusal gives."""
    url = server.new_database()  # type: ignore[attr-defined]
    statements(url, "CREATE TABLE predictions (id INTEGER)", "CREATE SCHEMA log")
    own = f"{url}?options=-csearch_path%3Dlog"
    upgrade(own)
    assert is_used(own)
    assert revision(own) == head()
    assert names(url) == {"predictions"}


def test_a_newer_revision_is_refused_in_one_line(url: str) -> None:
    statements(url, "UPDATE prediction_log_version SET version_num = '0999'")
    for call in (upgrade, revision):
        with pytest.raises(
            LogRefused, match=r"at revision 0999, .* knows revisions up to \d{4}; use the version"
        ) as refused:
            call(url)
        assert "\n" not in str(refused.value)
    command = [sys.executable, "-m", "prediction_log", "upgrade", "--database-url", url]
    variables = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False, env=variables)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)


def test_two_revisions_are_refused_with_the_remedy(url: str) -> None:
    statements(url, "INSERT INTO prediction_log_version VALUES ('0001')")
    with pytest.raises(LogRefused, match=r"cannot be migrated \(.*\); leave one revision in prediction_log_version"):
        upgrade(url)


def test_the_writer_spills_beside_another_program_s_table(empty_url: str, tmp_path: Path) -> None:
    statements(empty_url, "CREATE TABLE predictions (id INTEGER, body TEXT)")
    writer = LogWriter(empty_url, tmp_path / "spill", flush_seconds=0.02)
    writer.start()
    writer.put(record())
    wait_until(lambda: writer.stats().spilled == 1)
    writer.close(5.0)
    stats = writer.stats()
    assert (stats.lost, stats.journal_rows, stats.written) == (0, 1, 0)
    assert "another program" in str(stats.last_error)


@pytest.mark.parametrize("change", ["UPDATE prediction_log_version SET version_num = '0999'", ""])
def test_the_server_starts_without_its_log(change: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It died before it listened."""
    url = f"sqlite:///{tmp_path}/log.db"
    if change:
        upgrade(url)
    statements(url, change or "CREATE TABLE feedback (id INTEGER)")
    writer = open_log(ServerSettings(database_url=url, spill_dir=tmp_path / "spill"))
    writer.close(5.0)
    (line,) = caplog.messages
    assert ("revision 0999" in line) == bool(change) and "rows that it does not accept go to" in line
