"""The recipes of the servers that are measured side by side."""

import importlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.syspath_prepend(str(BENCHMARKS / "serving"))
    return importlib.import_module("servers")


def test_kserves_edges_get_the_engine_that_ours_get(servers: Any, tmp_path: Path) -> None:
    """The same release, settings and log: what differs is the edge."""
    model = SimpleNamespace(model_dir=tmp_path / "release")
    ours, behind = servers.SERVERS["ours"](model, tmp_path), servers.SERVERS["ours-kserve"](model, tmp_path)
    assert behind.settings == ours.settings and behind.tensor == ours.tensor
    assert ours.command[1:3] == ["-m", "model_server"] and behind.command[1:3] == ["-m", "model_server.kserve_model"]
    ports = {str(recipe.port) for recipe in (ours, behind)} | {str(recipe.grpc_port) for recipe in (ours, behind)}
    flags = [[flag for flag in recipe.command[3:] if flag not in ports] for recipe in (ours, behind)]
    assert flags[1] == [*flags[0], "--enable_latency_logging", "false"]
    assert "ours-kserve" in servers.DEFAULT_SERVERS
