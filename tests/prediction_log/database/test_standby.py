"""The log on a hot standby and by a role that may only read."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from kit.log_rows import record, wait_until, write
from kit.postgres import PASSWORD, Postgres, Server, Standby
from sqlalchemy import text
from sqlalchemy.engine import make_url

from prediction_log import (
    DriftReportRow,
    LogError,
    LogWriter,
    WindowReader,
    add_feedback,
    database_size,
    labelled_texts,
    latest_reports,
    maintain,
    save_report,
)
from prediction_log.database.access import why_read_only
from prediction_log.database.connection import connected, parse_url, run
from prediction_log.maintenance.migrate import head, revision
from sentiment_cli.checks.check import State
from sentiment_cli.checks.services import check_database

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def standby(server: Server) -> Iterator[Standby]:
    if not isinstance(server, Postgres):
        pytest.skip("TEST_POSTGRES_URL's server is not ours to copy")
    with Standby(server) as standby:
        yield standby


def fill(url: str) -> None:
    row = record(text="fine")
    write(url, [row])
    add_feedback(url, row.id, "positive", None)
    save_report(url, DriftReportRow(NOW, NOW, NOW, "a" * 16, "stable", "nothing changed", 1))


def read_all(url: str) -> None:
    """Every reader of the log."""
    reader = WindowReader(url)
    assert reader.summary(NOW - DAY, NOW + DAY).predictions == 1
    assert reader.read(NOW - DAY, NOW + DAY, max_rows=10).text == ["fine"]
    assert len(reader.hourly(NOW - DAY, NOW + DAY)) == 1
    assert len(reader.feedback(NOW - DAY, NOW + DAY)) == 1
    assert len(labelled_texts(url, NOW - DAY, NOW + DAY)) == 1
    assert len(latest_reports(url, 1)) == 1
    assert set(database_size(url)[1]) == {"predictions", "feedback", "drift_reports"}
    assert revision(url) == head()


def refuse_all(url: str, message: str) -> None:
    """Every writer of the log."""
    for write_it in (
        lambda: add_feedback(url, record().id, "positive", None),
        lambda: save_report(url, DriftReportRow(NOW, NOW, NOW, "a" * 16, "stable", "nothing changed", 1)),
        lambda: maintain(url, ahead_days=9),
    ):
        with pytest.raises(LogError, match=message):
            write_it()


def test_a_standby_is_read_and_says_so(
    standby: Standby, postgres_url: str, make_writer: Callable[..., LogWriter]
) -> None:
    url = make_url(postgres_url).set(port=standby.port).render_as_string(hide_password=False)
    fill(postgres_url)
    standby.wait()
    read_all(url)
    refuse_all(url, "read-only transaction; DATABASE_URL names a replica")
    assert why_read_only(url) == "the server is a standby"
    check = check_database(url)
    assert (check.state, "it can only be read: the server is a standby" in check.found) == (State.WARN, True)
    assert check_database(postgres_url).state is State.OK
    writer = make_writer(url)
    writer.start()
    writer.put(record())
    wait_until(lambda: writer.stats().spilled == 1)
    assert "DATABASE_URL names a replica" in str(writer.stats().last_error)


@pytest.mark.parametrize(
    ("attributes", "reads_only"),
    [("any", True), ("read-write", False), ("primary", False), ("standby", True), ("read-only", True)],
)
def test_one_of_several_servers(standby: Standby, postgres_url: str, attributes: str, reads_only: bool) -> None:
    url = make_url(postgres_url)
    hosts = f"127.0.0.1:{standby.port},127.0.0.1:{url.port}"
    standby.wait()
    address = f"postgresql://tests:{PASSWORD}@{hosts}/{url.database}?target_session_attrs={attributes}"
    assert (why_read_only(address) is not None) == reads_only
    turned = f"postgresql://tests:{PASSWORD}@127.0.0.1:{url.port},127.0.0.1:{standby.port}/{url.database}"
    assert why_read_only(f"{turned}?target_session_attrs=prefer-standby") == "the server is a standby"


def test_a_role_that_may_only_read(server: Server, postgres_url: str) -> None:
    fill(postgres_url)
    role = f"reader_{postgres_url[-12:]}"
    for statement in (
        f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}",
    ):
        server.execute(statement, postgres_url)
    url = make_url(postgres_url).set(username=role).render_as_string(hide_password=False)
    read_all(url)
    refuse_all(url, "permission denied for table|must be owner of table")
    assert why_read_only(url) == f"the role {role} has no INSERT privilege"
    check = check_database(url)
    assert (check.state, f"the role {role} has no INSERT privilege" in check.found) == (State.WARN, True)
    server.execute(f"DROP OWNED BY {role}", postgres_url)
    server.execute(f"DROP ROLE {role}", postgres_url)


def test_a_query_that_the_standby_ends_for_its_primary_names_the_remedy(
    standby: Standby, server: Server, postgres_url: str
) -> None:
    url = make_url(postgres_url).set(port=standby.port).render_as_string(hide_password=False)
    standby.execute("ALTER SYSTEM SET max_standby_streaming_delay = 0")
    standby.execute("SELECT pg_reload_conf()")
    standby.wait()

    def sleeping() -> bool:
        return bool(standby.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"))

    async def read() -> None:
        async with connected(parse_url(url), read_only=True) as connection:
            await connection.execute(text("SELECT pg_sleep(600) FROM (SELECT COUNT(*) FROM predictions) AS all_rows"))

    async def work() -> None:
        reading = asyncio.create_task(read())
        await asyncio.to_thread(wait_until, sleeping)
        await asyncio.to_thread(server.execute, "DROP TABLE predictions CASCADE", postgres_url)
        await reading

    with pytest.raises(LogError, match="conflict with recovery; the replica cancelled the query"):
        run(work())
