"""Feedback and drift reports."""

from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import pytest
from kit.log_rows import id_at, record, write

from prediction_log import (
    DriftReportRow,
    LogError,
    PredictionRecord,
    RecordedReport,
    UnknownPrediction,
    WindowReader,
    add_feedback,
    add_feedback_async,
    labelled_texts,
    latest_reports,
    new_id,
    save_report,
    set_report_address,
)
from prediction_log.database.connection import connected, parse_url, run
from prediction_log.schema import feedback

START = datetime(2026, 3, 1, tzinfo=UTC)
END = START + timedelta(days=1)
DAY = timedelta(days=1)


def today() -> tuple[datetime, datetime]:
    """A window around the labels that a test gives."""
    now = datetime.now(UTC)
    return now - DAY, now + DAY


def label_at(url: str, row: PredictionRecord, label: str, at: datetime) -> None:
    async def work() -> None:
        async with connected(parse_url(url)) as connection:
            values = {"prediction_id": row.id, "true_label": label, "who": None, "created": at}
            await connection.execute(feedback.insert().values(values))

    run(work())


def test_the_newest_feedback_of_each_prediction_counts(url: str) -> None:
    rows = [record(START + timedelta(minutes=n), probability=0.8, release_id="ab"[n % 2] * 16) for n in range(4)]
    write(url, rows)
    add_feedback(url, rows[0].id, "positive", "ann")
    add_feedback(url, rows[2].id, "positive", None)
    add_feedback(url, rows[1].id, "positive", "bob\x00\ud800")
    add_feedback(url, rows[0].id, "negative", "ann")
    found = WindowReader(url).feedback(*today())
    assert found.prediction_id == [rows[n].id for n in (0, 1, 2)]
    assert found.true_label.tolist() == [0, 1, 1]
    assert found.label.tolist() == [1, 1, 1]
    assert found.probability.tolist() == pytest.approx([0.8] * 3)
    assert found.margin.tolist() == pytest.approx([1.2] * 3)
    reader = WindowReader(url)
    assert reader.feedback(*today(), "b" * 16).prediction_id == [rows[1].id]
    assert len(reader.feedback(START, END)) == 0


async def test_inside_a_server_and_in_other_spellings_of_the_id(url: str) -> None:
    row = record(START)
    import asyncio

    await asyncio.to_thread(write, url, [row])
    await add_feedback_async(url, row.id.upper(), "negative", None)
    await add_feedback_async(url, row.id.replace("-", ""), "positive", None)
    found = await asyncio.to_thread(WindowReader(url).feedback, *today())
    assert found.true_label.tolist() == [1]


def test_an_unknown_prediction_is_refused_unless_its_row_may_be_on_its_way(url: str) -> None:
    with pytest.raises(UnknownPrediction, match="no prediction has the id"):
        add_feedback(url, id_at(START), "positive", None)
    with pytest.raises(UnknownPrediction):
        add_feedback(url, id_at(datetime.now(UTC) + timedelta(hours=1)), "positive", None)
    late = record()
    add_feedback(url, late.id, "negative", None)
    add_feedback(url, id_at(datetime.now(UTC) + timedelta(seconds=20)), "negative", None)  # of a server that is ahead
    write(url, [late])
    now = datetime.now(UTC)
    found = WindowReader(url).feedback(now - timedelta(minutes=5), now + timedelta(minutes=5))
    assert found.prediction_id == [late.id]


@pytest.mark.parametrize(
    ("prediction_id", "label", "message"),
    [(new_id(), "great", "negative, positive"), ("17", "positive", "uuid of version 7"), ("", "positive", "uuid")],
    ids=["label", "id", "empty-id"],
)
def test_feedback_that_makes_no_sense(tmp_path: object, prediction_id: str, label: str, message: str) -> None:
    with pytest.raises(LogError, match=message):
        add_feedback(f"sqlite:///{tmp_path}/x.db", prediction_id, label, None)


def test_labelled_texts_of_a_window(url: str) -> None:
    rows = [record(START + timedelta(minutes=n), text=f"text {n}") for n in range(3)]
    rows += [record(START + timedelta(minutes=9)), record(END, text="later")]
    write(url, rows)
    before = datetime.now(UTC)
    for row, label in zip(rows, ["negative", "positive", "positive", "negative", "positive"], strict=True):
        add_feedback(url, row.id, label, None)
    add_feedback(url, rows[0].id, "positive", None)  # the newest counts
    found = labelled_texts(url, *today())
    assert labelled_texts(url, START, END) == []  # when the predictions were made
    assert [(one.prediction_id, one.text, one.label) for one in found] == [
        (rows[0].id, "text 0", 1),
        (rows[1].id, "text 1", 1),
        (rows[2].id, "text 2", 1),
        (rows[3].id, None, 0),
        (rows[4].id, "later", 1),
    ]
    assert all(before - timedelta(seconds=1) <= one.at <= datetime.now(UTC) for one in found)


def test_the_last_label_in_time_counts_and_not_the_last_that_was_written(url: str) -> None:
    row = record(START)
    write(url, [row])
    label_at(url, row, "negative", END)
    label_at(url, row, "positive", END - timedelta(hours=1))  # of a server whose commit came later
    assert WindowReader(url).feedback(START, END + DAY).true_label.tolist() == [0]
    assert [one.label for one in labelled_texts(url, START, END + DAY)] == [0]
    assert WindowReader(url).feedback(START, END).true_label.tolist() == [1]  # as it was known then


def test_a_window_holds_the_labels_that_were_given_in_it_however_old_the_prediction(url: str) -> None:
    rows = [record(START + timedelta(seconds=n), release_id="ab"[n % 2] * 16, text=f"{n}") for n in range(2_100)]
    write(url, rows)
    week = END + timedelta(days=7)
    for row in rows[:6]:
        label_at(url, row, "positive", week)
    label_at(url, record(START), "positive", week)  # its row is missing
    found = labelled_texts(url, week, week + DAY, releases={"b" * 16, "c" * 16})
    assert [one.prediction_id for one in found] == [rows[n].id for n in (1, 3, 5)]
    assert WindowReader(url).feedback(week, week + DAY).prediction_id == [row.id for row in rows[:6]]
    assert labelled_texts(url, week, week + DAY, releases=()) == []


def test_rows_of_other_releases_are_not_read(url: str) -> None:
    write(url, [record(START + timedelta(minutes=n), release_id="abc"[n % 3] * 16) for n in range(6)])
    reader, ours = WindowReader(url), {"a" * 16, "b" * 16}
    assert reader.summary(START, END, ours).by_release == {"a" * 16: 2, "b" * 16: 2}
    assert [hour.predictions for hour in reader.hourly(START, END, ours)] == [4]
    assert reader.summary(START, END, ()).predictions == 0
    for n, release in enumerate("abc"):
        save_report(url, replace(report(n), release_id=release * 16))
    assert [one.release_id[0] for one in latest_reports(url, 5, releases=ours)] == ["b", "a"]
    row_id = latest_reports(url, 1)[0].id
    set_report_address(url, row_id, "s3://b/drift.html")
    assert [one.report_uri for one in latest_reports(url, 1)] == ["s3://b/drift.html"]


def report(n: int) -> DriftReportRow:
    created = START + timedelta(hours=n)
    statistics = [{"name": "margin", "p": 0.25, "effect": None, "drifted": False, "bins": [1, 2]}, {"name": "\u00e9"}]
    window = (created - timedelta(hours=24), created)
    return DriftReportRow(
        created, *window, "a" * 16, "stable", f"check {n}", 100 + n, statistics, f"var/reports/{n}.html"
    )


def test_reports_come_back_the_newest_first(url: str) -> None:
    assert latest_reports(url, 3) == []
    ids = [save_report(url, report(n)) for n in range(4)]
    assert ids == sorted(set(ids))
    expected = [RecordedReport(**asdict(report(n)), id=ids[n]) for n in (3, 2, 1)]
    assert latest_reports(url, 3) == expected


def test_statistics_that_are_not_finite_become_null(url: str) -> None:
    row = report(0)
    row.statistics[0]["p"] = float("nan")
    row.statistics[0]["bins"] = [float("inf"), 1.0]
    save_report(url, row)
    assert latest_reports(url, 1)[0].statistics[0] == {**report(0).statistics[0], "p": None, "bins": [None, 1.0]}
