"""int8 beside fp32 and on other processors; in place of QEMU stands a program that starts the interpreter as it is."""

import csv
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from kit.factories import make_texts
from kit.serving_benchmarks import serving_module

from model_release import ReleaseStore
from training_job.measure.quantisation import Decision

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_it_compares_all_texts_and_asks_the_other_processor(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS / "serving"))
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    texts = tmp_path / "texts.csv"
    with texts.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["text", "label"])
        rows.writerows(zip(*make_texts(200, seed=1), strict=True))
    monkeypatch.setattr(
        "training_job.build.release.choose_default", lambda _: Decision("openvino-int8", "for the test")
    )
    serving_module("full_size").build(texts, tmp_path, "scratch-tiny")
    store = ReleaseStore(str(tmp_path / "releases-scratch-tiny"))
    (release_id,) = store.list_releases("sentiment")

    emulator = tmp_path / "bin/qemu-x86_64"
    emulator.parent.mkdir()
    emulator.write_text(f'#!/bin/sh\necho "$2" >> {tmp_path}/cpus\nshift 2\nexec "$@"\n')
    emulator.chmod(0o755)
    options = ["--texts", str(texts), "--release-uri", str(store.base), "--result", str(tmp_path / "int8")]
    command = [sys.executable, str(BENCHMARKS / "serving/int8.py"), *options, "--cpus", "One,Other", "--emulated", "7"]
    environment = os.environ | {"PATH": f"{emulator.parent}{os.pathsep}{os.environ['PATH']}"}

    def run() -> "subprocess.CompletedProcess[str]":
        return subprocess.run(command, capture_output=True, text=True, timeout=200, env=environment)

    refused = run()
    assert refused.returncode == 2 and "no champion: give --release" in refused.stderr
    store.set_champion("sentiment", release_id, who="test", action="promote")
    done = run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "cpus").read_text().split() == ["One", "Other"]

    document = json.loads((tmp_path / "int8.json").read_text())
    beside = document["beside_fp32"]
    assert beside["rows"] == 200 and 0 < beside["largest_probability_difference"] < 0.5
    assert 0.5 < beside["agreement"]["low"] <= beside["agreement"]["value"] <= 1
    difference = beside["accuracy"]["int8"] - beside["accuracy"]["fp32"]
    assert beside["accuracy_difference"]["value"] == pytest.approx(difference, abs=1e-5)
    for row in document["other_cpus"]:  # the same processor, so the same answers
        assert row["texts"] == 7
        assert (row["golden_difference"], row["largest_difference"], row["other_labels"]) == (0, 0, 0)
    shown = importlib.import_module("serving_tables").int8(document)
    assert "| texts | 200 |" in shown and shown.count("| 7 |") == 2


def test_differences_are_reported_in_probability_and_labels(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    program = serving_module("int8")
    given = {"golden_difference": 0.0, "probabilities": [0.2, 0.49, 0.9, 0.6]}
    moved = {"golden_difference": 0.0625, "probabilities": [0.2, 0.53, 0.9, 0.5]}
    monkeypatch.setattr(program, "here", lambda release, texts: given)
    monkeypatch.setattr(program, "emulated", lambda cpu, release, texts: moved)
    (found,) = program.other_cpus(["One"], tmp_path, ["a", "b", "c", "d"], 0.5)
    assert found == {
        "cpu": "One",
        "texts": 4,
        "golden_difference": 0.0625,
        "largest_difference": 0.1,
        "mean_difference": 0.035,
        "other_labels": 1,
    }
    assert program.other_cpus([], tmp_path, [], 0.5) == []
