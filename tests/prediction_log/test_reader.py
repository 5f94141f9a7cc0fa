"""Reading windows: what was written comes back, in both databases."""

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kit.log_rows import any_record, record, write
from scipy import stats

from prediction_log import LogError, PredictionRecord, WindowReader
from prediction_log.record import storable

START = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
END = START + timedelta(hours=3)


def minutes(count: float) -> datetime:
    return START + timedelta(minutes=count)


def test_a_window_gives_back_every_field(url: str) -> None:
    sketch = np.linspace(-2, 2, 64, dtype="<f2")
    full = record(
        minutes(1), probability=0.25, tokens=512, truncated=True, latency_ms=3.25, source="v1", client="notebook",
        text="Gr\u00f6\u00dfe \U0001f600 'quoted'", text_hash="ab" * 32, descriptors={"chars": 7.0, "words": 0.5},
        sketch=sketch.tobytes(),
    )  # fmt: skip
    bare = record(minutes(2), probability=0.9)
    write(url, [bare, full])
    window = WindowReader(url).read(START, END)
    assert (window.start, window.end, window.total_rows, len(window)) == (START, END, 2, 2)
    assert window.ids == [full.id, bare.id]
    assert window.time.dtype == np.dtype("datetime64[ms]")
    assert window.time[0] == np.datetime64("2026-03-01T10:01:00.000")
    assert window.label.tolist() == [0, 1]
    assert window.label.dtype == np.int8
    assert window.probability.tolist() == pytest.approx([0.25, 0.9])
    assert window.confidence.tolist() == pytest.approx([0.75, 0.9])
    assert window.margin.tolist() == pytest.approx([-1.0, 1.6])
    assert window.tokens.tolist() == [512, 12]
    assert window.truncated.tolist() == [True, False]
    assert window.latency_ms.tolist() == [3.25, 8.5]
    assert window.text == [full.text, None]
    assert window.text_hash == [full.text_hash, None]
    assert window.descriptors == [full.descriptors, None]
    assert np.array_equal(window.sketch[0], sketch)
    assert np.isnan(window.sketch[1]).all()


def test_the_window_is_half_open_and_in_order(url: str) -> None:
    write(url, [record(END), record(minutes(5)), record(START), record(START - timedelta(milliseconds=1))])
    window = WindowReader(url).read(START, END)
    assert window.time.tolist() == [moment.replace(tzinfo=None) for moment in (START, minutes(5))]


def test_one_release_of_several(url: str) -> None:
    write(url, [record(minutes(n), release_id="ab"[n % 2] * 16) for n in range(5)])
    reader = WindowReader(url)
    assert reader.read(START, END, release_id="a" * 16).total_rows == 3
    assert reader.summary(START, END, "b" * 16).predictions == 2
    assert reader.read(START, END, release_id="none").ids == []


def test_an_empty_window(url: str) -> None:
    reader = WindowReader(url)
    window = reader.read(START, END, max_rows=10)
    assert (window.total_rows, window.ids, window.sketch.shape) == (0, [], (0, 64))
    summary = reader.summary(START, END)
    assert (summary.predictions, summary.by_label, summary.mean_confidence, summary.p95_ms) == (0, {}, None, None)
    assert summary.first is None
    assert reader.hourly(START, END) == []
    assert len(reader.feedback(START, END)) == 0


def test_other_time_zones_mean_the_same_window(url: str) -> None:
    write(url, [record(minutes(1))])
    from zoneinfo import ZoneInfo

    there = ZoneInfo("Asia/Kathmandu")
    assert WindowReader(url).read(minutes(1).astimezone(there), minutes(2).astimezone(there)).total_rows == 1


def test_a_time_without_a_zone_is_refused(url: str) -> None:
    with pytest.raises(LogError, match="time zone"):
        WindowReader(url).read(START.replace(tzinfo=None), END)


def test_a_summary_adds_up(url: str) -> None:
    rows = [record(minutes(n), probability=0.9 if n % 4 else 0.2, latency_ms=float(n)) for n in range(100)]
    for row in rows[:10]:
        row.source = "v2-grpc"
    write(url, rows)
    summary = WindowReader(url).summary(START, END)
    assert summary.predictions == 100
    assert summary.by_label == {"negative": 25, "positive": 75}
    assert summary.by_source == {"v2-grpc": 10, "v2-rest": 90}
    assert summary.by_release == {"a" * 16: 100}
    assert summary.mean_confidence == pytest.approx(0.9 * 0.75 + 0.8 * 0.25)
    assert (summary.first, summary.last) == (START, minutes(99))
    assert (summary.p50_ms, summary.p95_ms) == (49.0, 94.0)  # nearest rank: the 50th and 95th of 0 … 99


def test_hours(url: str) -> None:
    write(url, [record(minutes(n), probability=p) for n, p in [(0, 0.6), (59.9, 0.8), (60, 0.9), (150, 0.1)]])
    hours = WindowReader(url).hourly(START, END)
    assert [(row.hour, row.predictions) for row in hours] == [
        (START + timedelta(hours=n), c) for n, c in [(0, 2), (1, 1), (2, 1)]
    ]
    assert [row.average_confidence for row in hours] == pytest.approx([0.7, 0.9, 0.9])
    assert hours[0].hour.tzinfo is not None


def test_the_true_number_of_rows_is_returned_with_a_sample(url: str) -> None:
    write(url, [record(minutes(n / 10)) for n in range(50)])
    reader = WindowReader(url)
    sample = reader.read(START, END, max_rows=20, seed=1)
    assert (sample.total_rows, len(sample), len(set(sample.ids))) == (50, 20, 20)
    assert sample.time.tolist() == sorted(sample.time.tolist())
    assert reader.read(START, END, max_rows=20, seed=1).ids == sample.ids
    assert reader.read(START, END, max_rows=20, seed=2).ids != sample.ids
    assert len(reader.read(START, END, max_rows=50)) == 50


def test_samples_are_uniform(url: str) -> None:
    """Over seeds, every part of the window is drawn as often as its share."""
    rows, size, draws = 600, 40, 30
    write(url, [record(minutes(n / 10)) for n in range(rows)])
    reader = WindowReader(url)
    start = np.datetime64(START.replace(tzinfo=None))
    counts = np.zeros(6)
    for seed in range(draws):
        sample = reader.read(START, END, max_rows=size, seed=seed)
        offsets = (sample.time - start) / np.timedelta64(1, "m") * 10
        counts += np.bincount((offsets // 100).astype(int), minlength=6)
    assert counts.sum() == size * draws
    assert stats.chisquare(counts).pvalue > 1e-4


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(rows=st.lists(any_record, min_size=1, max_size=8, unique_by=lambda row: row.id))
def test_any_row_survives_the_database(url: str, rows: list[PredictionRecord]) -> None:
    write(url, rows)
    window = WindowReader(url).read(datetime(2019, 1, 1, tzinfo=UTC), datetime(2041, 1, 1, tzinfo=UTC))
    place = {row_id: n for n, row_id in enumerate(window.ids)}
    for row in rows:
        n = place[row.id]
        assert window.text[n] == storable(row.text)
        assert window.text_hash[n] == storable(row.text_hash)
        assert window.descriptors[n] == row.descriptors
        assert window.label[n] == (row.label == "positive")
        assert window.tokens[n] == row.tokens
        assert window.truncated[n] == row.truncated
        assert math.isclose(window.probability[n], row.probability, rel_tol=1e-6, abs_tol=1e-30)
        if row.sketch is not None:
            assert window.sketch[n].tobytes() == row.sketch
