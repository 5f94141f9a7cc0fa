"""Feedback and drift reports."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import pytest
from log_rows import id_at, record, write

from prediction_log import (
    DriftReportRow,
    LogError,
    RecordedReport,
    UnknownPrediction,
    WindowReader,
    add_feedback,
    add_feedback_async,
    labelled_texts,
    latest_reports,
    new_id,
    save_report,
)

START = datetime(2026, 3, 1, tzinfo=UTC)
END = START + timedelta(days=1)


def test_the_newest_feedback_of_each_prediction_counts(url: str) -> None:
    rows = [record(START + timedelta(minutes=n), probability=0.8, release_id="ab"[n % 2] * 16) for n in range(4)]
    write(url, rows)
    add_feedback(url, rows[0].id, "positive", "ann")
    add_feedback(url, rows[2].id, "positive", None)
    add_feedback(url, rows[1].id, "positive", "bob\x00\ud800")
    add_feedback(url, rows[0].id, "negative", "ann")
    found = WindowReader(url).feedback(START, END)
    assert found.prediction_id == [rows[n].id for n in (0, 1, 2)]
    assert found.true_label.tolist() == [0, 1, 1]
    assert found.label.tolist() == [1, 1, 1]
    assert found.probability.tolist() == pytest.approx([0.8] * 3)
    assert found.margin.tolist() == pytest.approx([1.2] * 3)
    reader = WindowReader(url)
    assert reader.feedback(START, END, "b" * 16).prediction_id == [rows[1].id]
    assert len(reader.feedback(END, END + timedelta(days=1))) == 0


async def test_inside_a_server_and_in_other_spellings_of_the_id(url: str) -> None:
    row = record(START)
    import asyncio

    await asyncio.to_thread(write, url, [row])
    await add_feedback_async(url, row.id.upper(), "negative", None)
    await add_feedback_async(url, row.id.replace("-", ""), "positive", None)
    found = await asyncio.to_thread(WindowReader(url).feedback, START, END)
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
    found = labelled_texts(url, START, END)
    assert [(one.prediction_id, one.text, one.label) for one in found] == [
        (rows[0].id, "text 0", 1),
        (rows[1].id, "text 1", 1),
        (rows[2].id, "text 2", 1),
        (rows[3].id, None, 0),
    ]
    assert all(before - timedelta(seconds=1) <= one.at <= datetime.now(UTC) for one in found)


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
