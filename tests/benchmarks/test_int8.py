"""int8 beside fp32 and on other processors; in place of QEMU stands a program that starts the interpreter as it is."""

import csv
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

from factories import make_texts
from serving_benchmarks import serving_module

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_it_compares_all_texts_and_asks_the_other_processor(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS / "serving"))
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    texts = tmp_path / "texts.csv"
    with texts.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["text", "label"])
        rows.writerows(zip(*make_texts(200, seed=1), strict=True))
    serving_module("full_size").build(texts, tmp_path, "scratch-tiny")
    store = tmp_path / "releases-scratch-tiny"
    (release_id,) = (path.name for path in (store / "sentiment/releases").iterdir())

    emulator = tmp_path / "bin/qemu-x86_64"
    emulator.parent.mkdir()
    emulator.write_text(f'#!/bin/sh\necho "$2" >> {tmp_path}/cpus\nshift 2\nexec "$@"\n')
    emulator.chmod(0o755)
    options = ["--texts", str(texts), "--release-uri", str(store), "--result", str(tmp_path / "int8")]
    command = [sys.executable, str(BENCHMARKS / "serving/int8.py"), *options, "--cpus", "One,Other", "--emulated", "7"]
    environment = os.environ | {"PATH": f"{emulator.parent}{os.pathsep}{os.environ['PATH']}"}

    def run(*more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([*command, *more], capture_output=True, text=True, timeout=200, env=environment)

    refused = run()
    assert refused.returncode == 2 and "no champion: give --release" in refused.stderr
    done = run("--release", release_id)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "cpus").read_text().split() == ["One", "Other"]

    document = json.loads((tmp_path / "int8.json").read_text())
    beside = document["beside_fp32"]
    assert beside["rows"] == 200 and 0 < beside["largest_probability_difference"] < 0.5
    assert 0.5 < beside["agreement"]["low"] <= beside["agreement"]["value"] <= 1
    for row in document["other_cpus"]:  # the same processor, so the same answers
        assert row["texts"] == 7
        assert (row["golden_difference"], row["largest_difference"], row["other_labels"]) == (0, 0, 0)
    shown = importlib.import_module("serving_tables").int8(document)
    assert "| texts | 200 |" in shown and shown.count("| 7 |") == 2
