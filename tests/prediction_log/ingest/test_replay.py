"""Replaying what pods left under SPILL_URI: in any order, more than once, by several at once."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kit.log_rows import record, write
from typer.testing import CliRunner

from prediction_log import LogError, PredictionRecord, WindowReader, upgrade
from prediction_log.cli import app
from prediction_log.ingest.journal import encode
from prediction_log.ingest.replay import gone, replay
from prediction_log.ingest.spill_store import Spilled, SpillStore, name_of, pack

NOW = datetime.now(UTC)


def mirror(store: SpillStore, owner: str, number: int, records: list[PredictionRecord]) -> str:
    """An object as a pod leaves it; its name."""
    name = name_of(owner, f"{number:020d}-1-1.jsonl")
    store.put(name, pack(name, b"".join(map(encode, records))))
    return name


def logged(url: str) -> list[str]:
    return sorted(WindowReader(url).read(NOW - timedelta(days=2), datetime.now(UTC) + timedelta(days=2)).ids)


def ids(records: list[PredictionRecord]) -> list[str]:
    return sorted(row.id for row in records)


def test_segments_of_several_pods_are_replayed_and_deleted(url: str, store_uri: str) -> None:
    store, rows = SpillStore(store_uri), [record(text="x\u0085\r\n" * n) for n in range(40)]
    for n in range(4):
        mirror(store, f"pod-{n % 2}", n, rows[10 * n : 10 * n + 10])
    write(url, rows[5:15])  # these were written before their pod ended
    done = replay(url, store)
    assert (done.segments, done.rows, done.left) == (4, 40, {})
    assert logged(url) == ids(rows)
    assert store.list() == ([], [])
    assert replay(url, store).segments == 0


def test_two_replays_at_once(url: str, tmp_path: Path) -> None:
    store, rows = SpillStore(str(tmp_path / "spill")), [record() for _ in range(1200)]
    for n in range(12):
        mirror(store, "pod", n, rows[100 * n : 100 * n + 100])
    problems: list[Exception] = []

    def work() -> None:
        try:
            replay(url, SpillStore(str(tmp_path / "spill")))
        except Exception as error:
            problems.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert logged(url) == ids(rows)
    assert store.list() == ([], [])


def test_what_cannot_be_replayed_is_reported_and_left(url: str, tmp_path: Path) -> None:
    store, rows = SpillStore(str(tmp_path / "spill")), [record() for _ in range(5)]
    good = mirror(store, "pod", 1, rows[:2])
    torn = mirror(store, "pod", 2, rows[2:])
    (tmp_path / "spill" / torn).write_bytes((tmp_path / "spill" / torn).read_bytes()[:-3])
    bad = mirror(store, "pod", 3, [record(probability=float("nan")), rows[2]])
    (tmp_path / "spill" / "notes.txt").write_text("someone's")
    done = replay(url, store)
    assert (done.segments, done.rows) == (1, 3)
    assert set(done.left) == {torn, bad, "notes.txt"}
    assert "torn" in done.left[torn]
    assert "probability is not finite" in done.left[bad]
    assert logged(url) == ids(rows[:3])
    assert store.get(good) is None
    assert store.get(torn) is not None


def test_a_database_that_is_away_deletes_nothing(tmp_path: Path) -> None:
    store = SpillStore(str(tmp_path / "spill"))
    name = mirror(store, "pod", 1, [record()])
    for url in ("postgresql://me@127.0.0.1:1/none", f"sqlite:///{tmp_path}/empty.db"):
        with pytest.raises(LogError, match="cannot be used"):
            replay(url, store)
    assert store.get(name) is not None


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 600)), max_size=8))
def test_an_owner_is_gone_when_its_newest_segment_is_old(made: list[tuple[str, int]]) -> None:
    found = [Spilled(f"{owner}/x", NOW - timedelta(seconds=age), 1) for owner, age in made]
    assert gone(found, NOW, timedelta(seconds=300)) == {
        owner for owner, _ in made if min(age for name, age in made if name == owner) >= 300
    }


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_order_of_replays_and_writes_gives_each_row_once(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("order")
    url, store = f"sqlite:///{folder}/x.db", SpillStore(str(folder / "spill"))
    upgrade(url)
    rows = [record() for _ in range(8)]
    for step in data.draw(st.permutations(["mirror 0", "mirror 1", "replay", "replay", "write"])):
        if step.startswith("mirror"):
            mirror(store, "pod", int(step[-1]), rows[3 * int(step[-1]) : 3 * int(step[-1]) + 5])
        elif step == "replay":
            replay(url, store)
        else:
            write(url, rows[2:6])
    replay(url, store)
    assert logged(url) == ids(rows)


def output(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return " ".join(done.output.split())


def test_the_commands(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("SPILL_URI", "")
    with pytest.raises(LogError, match="SPILL_URI is not set"):
        output("replay")
    monkeypatch.setenv("SPILL_URI", str(tmp_path / "spill"))
    store, rows = SpillStore(str(tmp_path / "spill")), [record() for _ in range(4)]
    mirror(store, "pod", 1, rows[:2])
    (tmp_path / "spill" / "notes.txt").write_text("someone's")
    lines = output("replay")
    assert "replayed 2 rows of 1 segments" in lines
    assert "left notes.txt: it is not a segment" in lines
    mirror(store, "pod", 2, rows[2:])
    assert "replayed 2 rows of 1 segments" in output("maintain")
    assert logged(url) == ids(rows)
