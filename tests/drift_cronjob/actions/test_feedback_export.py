"""Labelled feedback is exported to files for a training, each label once."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from kit.log_rows import record, write

from drift_cronjob.actions.feedback_export import export
from drift_cronjob.errors import DriftError
from drift_cronjob.settings import DriftSettings
from prediction_log import PredictionRecord, add_feedback, upgrade
from prediction_log.database.connection import connected, parse_url, run
from prediction_log.schema import feedback

NOW = datetime.now(UTC)
END = NOW + timedelta(hours=1)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OURS = frozenset({"a" * 16})


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/predictions.db"
    upgrade(url)
    return url


def settings(url: str, releases: str) -> DriftSettings:
    return DriftSettings(database_url=url, releases_uri=releases)


def label(url: str, row: PredictionRecord, true_label: str, at: datetime) -> None:
    """Store a label as a server does whose clock shows `at`."""

    async def work() -> None:
        async with connected(parse_url(url)) as connection:
            values = {"prediction_id": row.id, "true_label": true_label, "who": None, "created": at}
            await connection.execute(feedback.insert().values(values))

    run(work())


def logged(url: str, texts: list[str | None], **changes: object) -> list[PredictionRecord]:
    """Log predictions with these texts, and label them positive and negative in turn."""
    rows = [record(NOW - timedelta(minutes=60 - n), text=text, **changes) for n, text in enumerate(texts)]
    write(url, rows)
    for n, row in enumerate(rows):
        add_feedback(url, row.id, "negative" if n % 2 else "positive", None)
    return rows


def files(releases: str) -> list[Path]:
    return sorted((Path(releases) / "sentiment" / "feedback").glob("*"))


def exported(releases: str) -> list[tuple[str, int]]:
    """Every (text, label) of every file, in the order of the labels' times."""
    rows = [row for path in files(releases) for row in pq.read_table(path).to_pylist()]
    return [(row["text"], row["label"]) for row in sorted(rows, key=lambda row: row["at"])]


def test_the_file(url: str, tmp_path: Path) -> None:
    rows = logged(url, ["good", "bad\nand \u0085 ugly", None])
    releases = f"{tmp_path}/releases/"
    done = export(settings(url, releases), END, OURS)
    assert done == f"exported 2 labelled texts to {releases}sentiment/feedback; 1 labels have no text"
    (path,) = files(releases)
    assert path.name.startswith(f"{END:%Y%m%dT%H%M%SZ}-") and path.suffix == ".parquet"
    table = pq.read_table(path)
    assert table.column_names == ["text", "label", "prediction_id", "at"]
    assert table["text"].to_pylist() == ["good", "bad\nand \u0085 ugly"]
    assert table["label"].to_pylist() == [1, 0]
    assert table["prediction_id"].to_pylist() == [row.id for row in rows[:2]]
    assert all(NOW - HOUR < at <= datetime.now(UTC) for at in table["at"].to_pylist())


def test_each_label_is_written_once_and_a_changed_label_again(url: str, tmp_path: Path) -> None:
    releases = str(tmp_path / "releases")
    rows = logged(url, ["good", "bad"])
    export(settings(url, releases), END, OURS)
    for end in (END, END + HOUR):
        assert export(settings(url, releases), end, OURS) == "no feedback was exported: none is new"
    assert len(files(releases)) == 1
    add_feedback(url, rows[0].id, "negative", None)
    assert export(settings(url, releases), END + HOUR, OURS).startswith("exported 1")
    assert exported(releases) == [("good", 1), ("bad", 0), ("good", 0)]


def test_a_label_given_a_week_after_its_prediction_is_exported(url: str, tmp_path: Path) -> None:
    releases = str(tmp_path / "releases")
    old = record(NOW - 7 * DAY, text="a week ago")
    write(url, [old])
    assert export(settings(url, releases), NOW - DAY, OURS).startswith("no feedback")
    label(url, old, "negative", NOW - HOUR)
    assert export(settings(url, releases), NOW, OURS).startswith("exported 1")
    assert exported(releases) == [("a week ago", 0)]


def test_late_commits_and_paused_checks_leave_no_gap(url: str, tmp_path: Path) -> None:
    """A label has the time of its server's clock and is committed later; checks may pause for days."""
    releases = str(tmp_path / "releases")
    rows = [record(NOW - 20 * DAY + n * HOUR, text=f"{n}") for n in range(5)]
    write(url, rows)
    label(url, rows[0], "positive", NOW - 15 * DAY)
    export(settings(url, releases), NOW - 15 * DAY + HOUR, OURS)
    label(url, rows[1], "positive", NOW - 15 * DAY - HOUR)  # committed after the export, with an earlier time
    label(url, rows[2], "positive", NOW - 10 * DAY)  # no check ran for days
    label(url, rows[3], "positive", NOW - HOUR)
    label(url, rows[4], "positive", NOW + HOUR)  # given after the check's end
    export(settings(url, releases), NOW, OURS)
    assert sorted(exported(releases)) == [("0", 1), ("1", 1), ("2", 1), ("3", 1)]
    export(settings(url, releases), NOW + 2 * HOUR, OURS)
    assert sorted(exported(releases)) == [(f"{n}", 1) for n in range(5)]
    assert len(files(releases)) == 3


def test_a_check_with_a_fast_clock_leaves_no_gap(url: str, tmp_path: Path) -> None:
    """Its file has a stamp in the future; labels given meanwhile are exported before and after that time."""
    releases = str(tmp_path / "releases")
    rows = [record(NOW - 20 * DAY + n * HOUR, text=f"{n}") for n in range(5)]
    write(url, rows)
    label(url, rows[0], "positive", NOW - 12 * DAY)
    export(settings(url, releases), NOW - 12 * DAY + HOUR, OURS)
    label(url, rows[1], "positive", NOW - 11 * DAY)
    export(settings(url, releases), NOW - DAY, OURS)  # by a clock that is ten days fast
    label(url, rows[2], "positive", NOW - 10 * DAY)
    assert export(settings(url, releases), NOW - 9 * DAY, OURS).startswith("exported 1 ")
    label(url, rows[3], "positive", NOW - 8 * DAY)  # no check runs until the fast clock's stamp has passed
    label(url, rows[4], "positive", NOW - HOUR)
    assert export(settings(url, releases), NOW, OURS).startswith("exported 2 ")
    assert exported(releases) == [(f"{n}", 1) for n in range(5)]
    assert export(settings(url, releases), NOW, OURS).startswith("no feedback was exported")


def test_labels_of_other_models_are_left_out(url: str, tmp_path: Path) -> None:
    releases = str(tmp_path / "releases")
    logged(url, ["of another model"], release_id="b" * 16)
    logged(url, ["ours"])
    assert export(settings(url, releases), END, OURS).startswith("exported 1")
    assert exported(releases) == [("ours", 1)]


def test_into_a_bucket(url: str, s3_uri: str) -> None:
    logged(url, ["good", "bad"])
    assert export(settings(url, s3_uri), END, OURS) == f"exported 2 labelled texts to {s3_uri}/sentiment/feedback"
    assert export(settings(url, s3_uri), END, OURS).startswith("no feedback was exported")


def test_without_feedback_or_texts_nothing_is_written(url: str, tmp_path: Path) -> None:
    releases = str(tmp_path / "releases")
    assert export(settings(url, releases), END, OURS).startswith("no feedback was exported")
    logged(url, [None, None])
    assert "LOG_TEXT=hash" in export(settings(url, releases), END, OURS)
    assert files(releases) == []


def test_a_store_that_cannot_be_written_is_named(url: str, tmp_path: Path) -> None:
    logged(url, ["good"])
    (tmp_path / "file").write_text("")
    with pytest.raises(DriftError, match=r"feedback cannot be (written to|read from) .*; check RELEASES_URI"):
        export(settings(url, f"{tmp_path}/file"), END, OURS)


def test_a_file_without_feedback_is_named(url: str, tmp_path: Path) -> None:
    folder = tmp_path / "releases/sentiment/feedback"
    folder.mkdir(parents=True)
    (folder / f"{NOW:%Y%m%dT%H%M%SZ}-0123456789ab.parquet").write_text("no Parquet")
    with pytest.raises(DriftError, match=r"0123456789ab.parquet is not a file of exported feedback \(.*\); remove it"):
        export(settings(url, str(tmp_path / "releases")), END, OURS)
