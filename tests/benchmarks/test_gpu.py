"""The GPU benchmark runs to its end without a card, says so, and leaves the results alone."""

import csv
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from kit.factories import make_texts

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
PROGRAM = BENCHMARKS / "serving/gpu.py"
TINY = {
    "--base": "scratch-tiny",
    "--lengths": "16,mix",
    "--count": "16",
    "--ways": "eager,graphs",  # compiling takes minutes
    "--max-batch-tokens": "256",
    "--batches": "1,8",
    "--peak-sizes": "128",
    "--seconds": "0.02",
    "--rounds": "2",
    "--clients": "2",
    "--texts-per-request": "1,4",
    "--server-seconds": "0.4",
    "--warm": "0.1",
}


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """A CSV of made-up reviews."""
    path = tmp_path / "texts.csv"
    with path.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["text", "label"])
        rows.writerows(zip(*make_texts(400, seed=1, words=(20, 40)), strict=True))
    return path


def run(texts: Path, work: Path, *flags: str) -> "subprocess.CompletedProcess[str]":
    tiny = [part for pair in TINY.items() for part in pair]
    command = [sys.executable, str(PROGRAM), "--texts", str(texts), "--work", str(work), *tiny, *flags]
    environment = os.environ | {"PYTHONPATH": str(BENCHMARKS.parent)}
    return subprocess.run(command, capture_output=True, text=True, timeout=280, env=environment)


def test_it_runs_to_its_end_on_a_cpu_and_its_figures_are_no_result(texts: Path, tmp_path: Path, monkeypatch) -> None:
    results = {path: path.read_bytes() for path in (BENCHMARKS / "results").iterdir()}
    done = run(texts, tmp_path / "work", "--device", "cpu")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no card" in done.stdout
    assert {path: path.read_bytes() for path in (BENCHMARKS / "results").iterdir()} == results

    document = json.loads((tmp_path / "work/gpu/serving_gpu.json").read_text())
    assert document["card"] is None and document["measured_on_a_card"] is False
    assert {(row["way"], row["load"]) for row in document["by_load"]} == {
        (way, load) for way in ("eager", "graphs") for load in ("16", "mix")
    }
    assert document["logit_differences"]["eager"] == 0 <= document["logit_differences"]["graphs"] < 1e-4
    assert {row["texts"] for row in document["by_batch"]} == {1, 8}
    for row in document["by_load"] + document["by_batch"]:
        assert len(row["by_round"]) == 2 and row["texts_per_second"] > 0 and row["tflops"] >= 0
    loops = document["server"]["closed_loop"]
    assert [(row["load"], row["texts_per_request"]) for row in loops] == [("16", 1), ("16", 4), ("mix", 1), ("mix", 4)]
    assert all(row["requests"] > 0 and not row["failed"] for row in loops)

    monkeypatch.syspath_prepend(str(BENCHMARKS))
    card = {"name": "a card", "memory_gib": 80.0, "cuda": "13.0"}
    shown = importlib.import_module("serving_tables").gpu(document | {"card": card})
    assert "a card" in shown and shown.count("| mix |") == 4  # two of the engine, two of the server


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card")
def test_without_a_card_it_says_so(texts: Path, tmp_path: Path) -> None:
    done = run(texts, tmp_path / "work")
    assert done.returncode == 2 and "--device cpu" in done.stderr
    assert not (tmp_path / "work").exists()
