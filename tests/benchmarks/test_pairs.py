"""Pairs of runs: which side begins, whose figures are whose, and how sure a difference is."""

import importlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.syspath_prepend(str(BENCHMARKS / "serving"))

    def load(name: str) -> Any:
        return importlib.import_module(name)

    return load


def running(rate: float, latency: float) -> Any:
    return SimpleNamespace(recipe=SimpleNamespace(rate=rate, latency=latency))


def pairs_of(module: Any, monkeypatch: pytest.MonkeyPatch, count: int) -> tuple[Any, list[float]]:
    """So many pairs of a server of 100 requests/s and 10 ms with one of 80 and 15, and the rates in driven order."""
    driven: list[float] = []

    def drive(recipe: Any, load: Any, seconds: float, **plan: Any) -> Any:
        driven.append(recipe.rate)
        assert plan == {"clients": 8, "warm": 0.5}
        outcomes = [(0, recipe.latency, 200)] * 9 + [(0, 0.001, 503)]
        return SimpleNamespace(rates=[recipe.rate], outcomes=outcomes, answered=[(0, recipe.latency)] * 9)

    pairs = module("pairs")
    monkeypatch.setattr(pairs, "drive", drive)
    sides = {"before": running(100, 0.010), "after": running(80, 0.015)}
    return pairs.alternate(sides, None, clients=8, pairs=count, seconds=1, warm=0.5), driven


def test_the_side_that_begins_alternates(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, driven = pairs_of(module, monkeypatch, 4)
    assert sorted(driven[0:2]) == sorted(driven[2:4]) == [80, 100]
    assert driven[0] != driven[2] and driven[0] == driven[4]
    assert seen.failed == 8
    assert [run.rate for run in seen.of("before")] == [100] * 4


def test_a_row_compares_after_with_before(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, _ = pairs_of(module, monkeypatch, 4)
    load = SimpleNamespace(name="16", mean_tokens=16.0)
    row = module("checkouts").figures(seen, load, 8)
    assert row["requests_per_second_more"] == {"share": -0.2, "low": -0.2, "high": -0.2}
    assert row["p50_longer"] == {"share": 0.5, "low": 0.5, "high": 0.5}
    assert (row["p50_ms_before"], row["p50_ms_after"], row["failed"]) == (10.0, 15.0, 8)


def test_the_interval_covers_pairs_that_differ(module: Any) -> None:
    pairs = module("pairs")
    seen = [{"a": pairs.Run(rate, [0.01]), "b": pairs.Run(100, [0.01])} for rate in (90, 100, 110, 120, 80, 100)]
    share = pairs.Pairs(seen, 0).share(lambda a, b: pairs.rate(a) / pairs.rate(b) - 1, "a", "b")
    assert share["low"] < share["share"] == 0 < share["high"]
