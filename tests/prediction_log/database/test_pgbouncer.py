"""The log behind PgBouncer, in each of its pool modes."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from kit.log_rows import record, wait_until, write
from kit.pgbouncer import NoPgBouncer, PgBouncer, program
from kit.postgres import PASSWORD, Server
from sqlalchemy import text

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
    upgrade,
)
from prediction_log.database.connection import connected, parse_url, run
from prediction_log.maintenance.migrate import head, revision

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
Pooled = Callable[[str], str]


@pytest.fixture(scope="module", autouse=True)
def _installed() -> None:
    try:
        program()
    except NoPgBouncer as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module", params=["session", "transaction"])
def pooled(server: Server, request: pytest.FixtureRequest) -> Iterator[Pooled]:
    """The pooler's address of a database."""
    auth = "md5" if request.param == "session" else "scram-sha-256"
    with PgBouncer(server.url, request.param, auth) as pooler:
        yield pooler.url


def test_every_use_of_the_log(pooled: Pooled, server: Server) -> None:
    url = pooled(server.new_database())
    upgrade(url)
    upgrade(url)
    assert revision(url) == head()
    row = record(text="fine", descriptors={"chars": 4.0}, sketch=bytes(128))
    write(url, [row, record(NOW - 100 * DAY)])
    write(url, [row])
    reader = WindowReader(url, timeout_seconds=60)
    for _ in range(3):  # on either server connection
        assert reader.read(NOW - DAY, NOW + DAY).descriptors == [{"chars": 4.0}]
        assert reader.summary(NOW - DAY, NOW + DAY).predictions == 1
        assert [hour.predictions for hour in reader.hourly(NOW - DAY, NOW + DAY)] == [1]
        add_feedback(url, row.id, "positive", "ann")
    assert reader.feedback(NOW - DAY, NOW + DAY).prediction_id == [row.id]
    assert [one.text for one in labelled_texts(url, NOW - DAY, NOW + DAY)] == ["fine"]
    save_report(url, DriftReportRow(NOW, NOW, NOW, "a" * 16, "stable", "nothing changed", 1, [{"p": 0.5}]))
    assert [one.statistics for one in latest_reports(url, 3)] == [[{"p": 0.5}]]
    assert set(database_size(url)[1]) == {"predictions", "feedback", "drift_reports"}
    assert maintain(url, ahead_days=8, keep_days=30).predictions == 1


def test_writers_side_by_side(pooled: Pooled, postgres_url: str, make_writer: Callable[..., LogWriter]) -> None:
    url = f"{pooled(postgres_url)}?target_session_attrs=read-write&connect_timeout=30&application_name=mine"
    writers = [make_writer(url, batch_rows=20) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        for _ in range(100):
            writer.put(record())
    wait_until(lambda: all(writer.stats().written == 100 for writer in writers))
    assert [writer.stats().spilled for writer in writers] == [0, 0, 0]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: WindowReader(url).summary(NOW - DAY, NOW + DAY).predictions, range(12)))
    assert found == [300] * 12


def test_a_time_limit_ends_with_its_transaction(pooled: Pooled, postgres_url: str) -> None:
    url = parse_url(pooled(postgres_url))

    async def scalar(statement: str, **limits: float) -> object:
        async with connected(url, **limits) as connection:
            return (await connection.execute(text(statement))).scalar_one()

    assert run(scalar("SHOW statement_timeout", seconds=77)) == "77s"
    assert run(scalar("SHOW lock_timeout", lock_seconds=3)) == "3s"
    with pytest.raises(LogError, match="the statement took too long"):
        run(scalar("SELECT pg_sleep(60)", seconds=0.3))
    for name in ("statement_timeout", "lock_timeout"):
        assert {run(scalar(f"SHOW {name}")) for _ in range(4)} == {"0"}


def test_statement_pooling_is_refused_with_the_remedy(server: Server, postgres_url: str) -> None:
    with (
        PgBouncer(server.url, "statement", "scram-sha-256") as pooler,
        pytest.raises(LogError, match="pool_mode=transaction") as caught,
    ):
        WindowReader(pooler.url(postgres_url)).summary(NOW - DAY, NOW)
    assert PASSWORD not in str(caught.value)


def test_a_start_up_parameter_that_the_pooler_refuses(pooled: Pooled, postgres_url: str) -> None:
    url = f"{pooled(postgres_url)}?options=-c%20work_mem%3D8MB"
    with pytest.raises(LogError, match=r"options.*ALTER ROLE"):
        WindowReader(url).summary(NOW - DAY, NOW)
