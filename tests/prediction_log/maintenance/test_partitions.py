"""Days as partitions, and retention."""

from datetime import datetime, timedelta

import pytest
from kit.log_rows import DAY, day_name, midnight, partitions, record, write
from kit.postgres import Server
from sqlalchemy import func, select

from prediction_log import (
    DriftReportRow,
    WindowReader,
    add_feedback,
    latest_reports,
    maintain,
    save_report,
    upgrade,
)
from prediction_log.database.connection import connected, parse_url, run
from prediction_log.schema import feedback


def test_old_rows_go_and_young_ones_stay(url: str) -> None:
    kept = [record(midnight(0)), record(midnight(-30)), record(midnight(-1))]
    write(
        url, [*kept, record(midnight(-30) - timedelta(milliseconds=1)), record(midnight(-31)), record(midnight(-400))]
    )
    assert maintain(url, keep_days=30).predictions == 3
    window = WindowReader(url).read(midnight(-500), midnight(2))
    assert set(window.ids) == {row.id for row in kept}
    assert maintain(url, keep_days=30) == ([], 0, 0, 0, {})


async def _age(url: str, created: datetime) -> None:
    """Set the newest feedback's time."""
    async with connected(parse_url(url)) as connection:
        newest = select(func.max(feedback.c.id)).scalar_subquery()
        await connection.execute(feedback.update().where(feedback.c.id == newest).values(created=created))


def test_old_feedback_and_reports_go_too(url: str) -> None:
    row = record(midnight(-31))
    write(url, [row])
    for days in (-31, -30):
        at = midnight(days)
        add_feedback(url, row.id, "positive", None)
        run(_age(url, at))
        save_report(url, DriftReportRow(at, at, at, row.release_id, "stable", "nothing changed", 1))
    assert maintain(url, keep_days=30) == ([], 1, 1, 1, {})
    assert [one.created for one in latest_reports(url, 9)] == [midnight(-30)]
    assert maintain(url, keep_days=30) == ([], 0, 0, 0, {})


def test_upgrade_makes_the_next_days(server: Server, postgres_url: str) -> None:
    made = partitions(server, postgres_url)
    assert list(made) == [*(day_name(midnight(n)) for n in range(8)), "predictions_default"]


def test_rows_of_a_day_without_a_partition_move_into_it(server: Server, postgres_url: str) -> None:
    days = [7, 8, 9, 12]
    rows = [record(midnight(n) + timedelta(hours=n), text=f"day {n}", descriptors={"chars": 1.0}) for n in days]
    write(postgres_url, rows)
    assert partitions(server, postgres_url)["predictions_default"] == 3
    assert maintain(postgres_url, ahead_days=9) == ([day_name(midnight(8)), day_name(midnight(9))], 0, 0, 0, {})
    found = partitions(server, postgres_url)
    assert found["predictions_default"] == 1
    assert [found[day_name(midnight(n))] for n in (7, 8, 9)] == [1, 1, 1]
    window = WindowReader(postgres_url).read(midnight(0), midnight(20))
    assert window.ids == [row.id for row in rows]
    assert window.descriptors == [row.descriptors for row in rows]
    write(postgres_url, rows)  # the primary key holds across the move
    assert WindowReader(postgres_url).read(midnight(0), midnight(20)).total_rows == 4


def test_whole_days_are_dropped(server: Server, postgres_url: str) -> None:
    old = midnight(-40)
    server.execute(
        f"CREATE TABLE {day_name(old)} PARTITION OF predictions FOR VALUES FROM ('{old}') TO ('{old + DAY}')",
        postgres_url,
    )
    write(postgres_url, [record(old), record(old + DAY / 2), record(old + DAY), record(midnight(0))])
    assert maintain(postgres_url, keep_days=30).predictions == 3
    assert day_name(old) not in partitions(server, postgres_url)


def test_partitions_have_the_indexes_of_their_table(server: Server, postgres_url: str) -> None:
    maintain(postgres_url, ahead_days=8)
    for day in (0, 8):
        query = f"SELECT indexdef FROM pg_indexes WHERE tablename = '{day_name(midnight(day))}' ORDER BY 1"
        found = " ".join(row[0] for row in server.execute(query, postgres_url))
        assert "UNIQUE" in found and "(release_id, " in found, found


def test_a_window_reads_its_own_days_only(server: Server, postgres_url: str) -> None:
    query = f"EXPLAIN SELECT * FROM predictions WHERE time >= '{midnight(1)}' AND time < '{midnight(2)}'"
    plan = "\n".join(row[0] for row in server.execute(query, postgres_url))
    assert day_name(midnight(1)) in plan
    assert day_name(midnight(3)) not in plan


def test_two_maintain_at_once_and_while_a_session_has_another_time_zone(
    server: Server, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    database = postgres_url.rpartition("/")[2]
    server.execute(f"ALTER DATABASE {database} SET timezone = 'Asia/Kathmandu'")
    with ThreadPoolExecutor(3) as pool:
        jobs = list(pool.map(lambda _: maintain(postgres_url, ahead_days=10), range(3)))
    assert sorted(name for job in jobs for name in job.made) == [day_name(midnight(n)) for n in (8, 9, 10)]
    assert [job.left for job in jobs] == [{}] * 3
    late = record(midnight(10) + DAY - timedelta(milliseconds=1))
    write(postgres_url, [late])
    assert partitions(server, postgres_url)[day_name(midnight(10))] == 1
    upgrade(postgres_url)
