"""The queries that people type."""

import sqlite3
from datetime import UTC, datetime, timedelta

import pytest
from kit.log_rows import record, wait_until, write
from kit.postgres import Server

from prediction_log import WindowReader, add_feedback, database_size, upgrade

BY_HOUR = """
SELECT DATE_TRUNC('hour', predicted_at) AS hour, COUNT(*), AVG(confidence_score)
FROM prediction_logs WHERE predicted_at >= NOW() - INTERVAL '24 hours' GROUP BY hour
"""


def test_predictions_and_average_confidence_by_hour(server: Server, postgres_url: str) -> None:
    now = datetime.now(UTC)
    hour = now.replace(minute=0, second=0, microsecond=0)
    moments = [(now, 0.9), (now, 0.7), (hour - timedelta(hours=2), 0.2), (now - timedelta(hours=25), 0.5)]
    write(postgres_url, [record(moment, probability=probability) for moment, probability in moments])
    rows = sorted(tuple(row) for row in server.execute(BY_HOUR, postgres_url))
    assert [row[:2] for row in rows] == [(hour - timedelta(hours=2), 1), (hour, 2)]
    assert [row[2] for row in rows] == pytest.approx([0.8, 0.8])


def test_the_readers_hours_are_the_views(server: Server, postgres_url: str) -> None:
    now = datetime.now(UTC)
    write(postgres_url, [record(now - timedelta(minutes=13 * n), probability=0.5 + n / 100) for n in range(30)])
    hours = WindowReader(postgres_url).hourly(now - timedelta(days=1), now + timedelta(hours=1))
    view = server.execute("SELECT * FROM prediction_logs_hourly ORDER BY hour", postgres_url)
    assert [(row.hour, row.predictions) for row in hours] == [tuple(row)[:2] for row in view]
    assert [row.average_confidence for row in hours] == pytest.approx([row[2] for row in view])


def test_hours_are_those_of_utc_in_every_session(server: Server, postgres_url: str) -> None:
    server.execute(f"ALTER DATABASE {postgres_url.rpartition('/')[2]} SET timezone = 'Asia/Kolkata'")
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)
    write(postgres_url, [record(hour + timedelta(minutes=minutes)) for minutes in (1, 31, 59, 61)])
    view = server.execute("SELECT hour, predictions FROM prediction_logs_hourly ORDER BY hour", postgres_url)
    assert [tuple(row) for row in view] == [(hour, 3), (hour + timedelta(hours=1), 1)]
    # A query of a person's own counts the hours of the session's zone, and all rows.
    assert sum(row[1] for row in server.execute(BY_HOUR, postgres_url)) == 4


def test_the_size_of_the_log(url: str) -> None:
    before, _ = database_size(url)
    rows = [record(text="x" * 500) for _ in range(200)]
    write(url, rows)
    add_feedback(url, rows[0].id, "positive", None)

    def counted() -> bool:  # Postgres's statistics follow within a second or so
        return database_size(url)[1] == {"predictions": 200, "feedback": 1, "drift_reports": 0}

    wait_until(counted)
    assert database_size(url)[0] > before > 0


def test_the_views_columns(server: Server, postgres_url: str) -> None:
    row = record(text="fine", client="ann", probability=0.1)
    write(postgres_url, [row])
    query = "SELECT id, sentiment, confidence_score, release_id, text, source, client FROM prediction_logs"
    found = server.execute(query, postgres_url)
    assert [(str(found[0][0]), *list(found[0])[1:])] == [(row.id, "negative", 0.9, "a" * 16, "fine", "v2-rest", "ann")]
    hourly = server.execute("SELECT predictions, average_confidence FROM prediction_logs_hourly", postgres_url)
    assert [tuple(line) for line in hourly] == [(1, 0.9)]


def test_the_views_on_sqlite(tmp_path: object) -> None:
    path = f"{tmp_path}/x.db"
    upgrade(f"sqlite:///{path}")
    at = datetime(2026, 3, 1, 10, 59, 59, 999000, UTC)
    write(f"sqlite:///{path}", [record(at, probability=0.9), record(at - timedelta(minutes=5), probability=0.7)])
    connection = sqlite3.connect(path)
    query = "SELECT sentiment, COUNT(*) FROM prediction_logs WHERE predicted_at >= '2026-03-01' GROUP BY sentiment"
    assert connection.execute(query).fetchall() == [("positive", 2)]
    hours = connection.execute("SELECT * FROM prediction_logs_hourly").fetchall()
    assert hours == [("2026-03-01 10:00:00", 2, pytest.approx(0.8))]
    connection.close()
