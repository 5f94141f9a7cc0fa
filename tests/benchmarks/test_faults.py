"""The faults' benchmark: the small disk is full when it says so, lost rows are counted with their age, tables show both."""

import errno
import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch):
    """Import a module of the benchmarks by its name."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.syspath_prepend(str(BENCHMARKS / "faults"))
    before = set(sys.modules)

    def load(name: str) -> ModuleType:
        return importlib.import_module(name)

    yield load
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(BENCHMARKS)):
            del sys.modules[name]


def test_a_small_disk_is_full_until_it_is_emptied(module) -> None:
    disk_full = module("disk_full")
    try:
        with disk_full.SmallDisk() as disk:
            assert disk.free_bytes() > 2**20
            disk.fill()
            assert disk.free_bytes() == 0
            with pytest.raises(OSError) as refused, (disk.folder / "more").open("wb", buffering=0) as stream:
                stream.write(b"x")
            assert refused.value.errno == errno.ENOSPC
            disk.empty()
            (disk.folder / "more").write_bytes(b"x")
    except disk_full.NoSmallDisk as reason:
        pytest.skip(f"no small file system can be mounted here: {reason}")
    assert not disk.folder.exists()


def test_where_nothing_can_be_mounted_the_fault_is_left_out(module, monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    disk_full, run = module("disk_full"), module("run")

    def fault() -> dict[str, object]:
        with disk_full.SmallDisk():
            return {}

    assert "mount" in run._measured(fault)["left_out"]


def outcome(module, answered: dict[str, float], logged: list[str]) -> dict[str, object]:
    return {"seconds": 30, **module("scene").account(module("scene").Tally(answered), logged)}


def killed(module) -> dict[str, object]:
    scene, ended = module("scene"), module("server_ended")
    loads = [
        (scene.Tally({"a": 10.0, "b": 10.4, "c": 10.45}, [(9.0, "500")], refused=2), 10.5),
        (scene.Tally({"d": 20.0}), 20.5),
    ]
    return ended._account(loads, ["a", "d", "unanswered"]) | {"slowest_sync_ms": 7}


def test_lost_rows_are_counted_with_the_age_of_the_oldest(module) -> None:
    figures = killed(module)
    assert figures["each"] == [{"rows_lost": 2, "oldest_lost_ms": 100}, {"rows_lost": 0, "oldest_lost_ms": 0}]
    assert (figures["kills"], figures["predictions_answered"], figures["rows_lost"]) == (2, 4, 2)
    assert (figures["oldest_lost_ms"], figures["predictions_failed"], figures["rows_twice"]) == (100, 1, 0)


def test_the_table_shows_every_fault_and_what_was_left_out(module) -> None:
    whole = outcome(module, {"a": 1.0, "b": 2.0}, ["a", "b", "b"])
    document = {
        "clients": 4,
        "flush_seconds": 0.5,
        "held_seconds": 0.5,
        "postgres_stopped": whole,
        "disk_full": {"left_out": "no mount"},
        "disk_full_postgres_stopped": {"left_out": "no mount"},
        "server_sigterm": whole,
        "server_killed": {"there": killed(module), "away": killed(module)},
    }
    shown = module("tables").faults(document)
    assert "| 4 clients | Postgres gone for 30 s | server ended by SIGTERM |" in shown
    assert "| rows twice | 1 | 1 |" in shown
    assert shown.count("Left out: no mount.") == 1
    assert "| oldest lost row, ms before the kill | 100 | 100 |" in shown
    assert "| rows lost by each kill | 2, 0 | 2, 0 |" in shown
