"""Labelled feedback becomes a file that a training can read, once."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from log_rows import record, write

from drift_cronjob.errors import DriftError
from drift_cronjob.feedback_export import export
from drift_cronjob.settings import DriftSettings
from prediction_log import PredictionRecord, add_feedback, upgrade

END = datetime.now(UTC)
START = END - timedelta(hours=24)


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/predictions.db"
    upgrade(url)
    return url


def settings(url: str, releases: str) -> DriftSettings:
    return DriftSettings(database_url=url, releases_uri=releases)


def logged(url: str, texts: list[str | None]) -> list[PredictionRecord]:
    """Predictions with these texts, alternately labelled positive and negative by people."""
    rows = [record(END - timedelta(minutes=60 - n), text=text) for n, text in enumerate(texts)]
    write(url, rows)
    for n, row in enumerate(rows):
        add_feedback(url, row.id, "negative" if n % 2 else "positive", None)
    return rows


def files(releases: str) -> list[Path]:
    return sorted((Path(releases) / "sentiment" / "feedback").glob("*"))


def test_the_file(url: str, tmp_path: Path) -> None:
    rows = logged(url, ["good", "bad\nand \u0085 ugly", None])
    releases = f"{tmp_path}/releases/"
    said = export(settings(url, releases), START, END)
    assert said == f"exported 2 labelled texts to {releases}sentiment/feedback; 1 labels have no text"
    (path,) = files(releases)
    assert path.name.startswith(f"{END:%Y%m%dT%H%M%SZ}-") and path.suffix == ".parquet"
    table = pq.read_table(path)
    assert table.column_names == ["text", "label", "prediction_id", "at"]
    assert table["text"].to_pylist() == ["good", "bad\nand \u0085 ugly"]
    assert table["label"].to_pylist() == [1, 0]
    assert table["prediction_id"].to_pylist() == [row.id for row in rows[:2]]
    assert all(START < at <= datetime.now(UTC) for at in table["at"].to_pylist())


def test_the_same_feedback_is_written_once_and_a_new_label_again(url: str, tmp_path: Path) -> None:
    releases = str(tmp_path / "releases")
    rows = logged(url, ["good", "bad"])
    export(settings(url, releases), START, END)
    hour = timedelta(hours=1)
    for end in (END, END + hour):
        assert export(settings(url, releases), START, end) == "this window's 2 labelled texts were exported before"
    assert len(files(releases)) == 1
    add_feedback(url, rows[0].id, "negative", None)
    assert export(settings(url, releases), START, END + hour).startswith("exported 2")
    assert len(files(releases)) == 2


def test_into_a_bucket(url: str, s3_uri: str) -> None:
    logged(url, ["good", "bad"])
    assert export(settings(url, s3_uri), START, END) == f"exported 2 labelled texts to {s3_uri}/sentiment/feedback"
    assert "exported before" in export(settings(url, s3_uri), START, END)


def test_without_feedback_or_texts_nothing_is_written(url: str, tmp_path: Path) -> None:
    releases = str(tmp_path / "releases")
    assert export(settings(url, releases), START, END).startswith("no feedback in this window")
    logged(url, [None, None])
    assert "LOG_TEXT=hash" in export(settings(url, releases), START, END)
    assert files(releases) == []


def test_a_store_that_takes_nothing_is_named(url: str, tmp_path: Path) -> None:
    logged(url, ["good"])
    (tmp_path / "file").write_text("")
    with pytest.raises(DriftError, match=r"feedback cannot be written to .*; check RELEASES_URI"):
        export(settings(url, f"{tmp_path}/file"), START, END)
