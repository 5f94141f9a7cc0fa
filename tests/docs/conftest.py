"""A small system that the documentation's commands are run against."""

import contextlib
import csv
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from kit.factories import make_release, make_texts

from .fences import ROOT
from .session import Session, Stand

LIKE_ROWS = 300


def triton_python() -> Path | None:
    """Return the interpreter with tritonclient that `make conformance` sets up."""
    named = Path(os.environ.get("CONFORMANCE_PYTHON") or ROOT / ".venv-triton/bin/python")
    return named if named.exists() else None


@pytest.fixture(scope="session")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Stand:
    """Two releases of random weights, the second one champion; a log of texts of the same kind; rows to train on."""
    from kit.drift_systems import System

    from model_release import ReleaseStore, Scorer
    from prediction_log import upgrade

    folder = tmp_path_factory.mktemp("stand")
    store = ReleaseStore(str(folder / "var/releases"))
    other, champion = (make_release(store.base, rows=400, seed=seed) for seed in (3, 0))
    for release in (other, champion):
        store.set_champion("sentiment", release, who="mara", action="promote")
    work = tmp_path_factory.mktemp("writer")
    url = f"sqlite:///{work}/predictions.db"
    upgrade(url)
    scorer = Scorer.load(store.fetch("sentiment", champion, tmp_path_factory.mktemp("served")), threads=1)
    System(url, work, (str(store.base), champion), scorer).log(make_texts(LIKE_ROWS, seed=1)[0])
    with contextlib.closing(sqlite3.connect(work / "predictions.db", timeout=30)) as log:
        log.execute("VACUUM INTO ?", (str(folder / "var/predictions.db"),))  # one file, which no writer holds
    for name, seed in (("reviews.csv", 5), ("held_out.csv", 6)):
        with (folder / name).open("w", encoding="utf-8", newline="") as rows:
            csv.writer(rows).writerows([("text", "label"), *zip(*make_texts(300, seed=seed), strict=True)])
    return Stand(folder, {"3f2a": champion, "9c41": other})


@pytest.fixture
def session(stand: Stand, tmp_path: Path) -> Callable[[], Session]:
    return lambda: Session(stand, tmp_path, triton_python())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many commands were run on the pages that passed, and how many these pages mark."""
    from .__main__ import summary

    passed = [report.nodeid for report in terminalreporter.stats.get("passed", []) if hasattr(report, "nodeid")]
    ran = [ROOT / name.rpartition("[")[2].rstrip("]") for name in passed if "::test_page_runs[" in name]
    if ran:
        terminalreporter.write_line(f"documentation: of {len(ran)} pages {summary(ran)}")
