"""int8 against fp32 on every labelled text, and the int8 release's answers on emulated processors.

    python benchmarks/serving/int8.py --release-uri var/releases --texts reviews.csv.gz

Other processors are QEMU's user-mode emulation (`qemu-x86_64`, Debian's package qemu-user): its CPUID makes OpenVINO
choose the kernels that it would choose there, and its instructions are exact. It is about a hundred times slower, so
that it answers the release's golden texts and the first `--emulated` texts.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]

import numpy as np
from harness import machine, markdown, save
from rich.console import Console
from rich.progress import Progress

from model_release import OpenVINOEngine, ReleaseStore, Scorer
from model_release.golden import read_golden, replay
from training_job.data.reading import read_rows
from training_job.data.rows import Rows
from training_job.measure.quantisation import compare

console = Console()
INT8, FP32_IR = "openvino-int8", "openvino-bf16"  # the bf16 variant's IR holds the fp32 weights
EMULATOR = "qemu-x86_64"


def answers(scorer: Scorer, texts: list[str]) -> np.ndarray:
    """P(positive) of each text, f[n]; progress on stderr."""
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("texts", total=len(texts))
        return scorer.score(texts, on_progress=lambda rows: progress.advance(task, rows)).probability


def here(release: Path, texts: list[str]) -> dict[str, Any]:
    """This processor's answers: the largest difference from the golden answers, and P(positive) of the texts."""
    scorer = Scorer.load(release, variant=INT8)
    golden = read_golden(release / "serving/golden.json")
    difference = replay(scorer, golden, tolerance=1.0)
    return {"golden_difference": difference, "probabilities": [float(value) for value in answers(scorer, texts)]}


def emulated(cpu: str, release: Path, texts: list[str]) -> dict[str, Any]:
    """Run `here` in a process on QEMU's model `cpu`.

    Raises:
        CalledProcessError: it failed; its output is on stderr.
    """
    with tempfile.TemporaryDirectory() as folder:
        sent = Path(folder) / "texts.json"
        sent.write_text(json.dumps(texts))
        # QEMU starts the interpreter itself, which finds an environment's packages by the name that started it.
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        python = [EMULATOR, "-cpu", cpu, str(Path(sys.executable).resolve())]
        command = [*python, __file__, "--answer", str(release), str(sent)]
        return json.loads(subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout)


def beside_fp32(release: Path, rows: Rows) -> dict[str, Any]:
    """int8 against fp32 on all rows: agreement, accuracy of both, the largest difference."""
    scorer = Scorer.load(release, variant=INT8)
    quantised = answers(scorer, rows.texts)
    scorer.engine.close()
    exact = Scorer(scorer.spec, scorer.tokenizer, OpenVINOEngine(release / FP32_IR, "fp32"))
    full = answers(exact, rows.texts)
    threshold = scorer.spec.decision_threshold
    found = compare(rows.labels, full, quantised, threshold)
    right = {
        name: float(np.mean((given >= threshold) == (rows.labels == 1)))
        for name, given in (("fp32", full), ("int8", quantised))
    }
    return {
        "rows": found.rows,
        "accuracy": {name: round(share, 5) for name, share in right.items()},
        "accuracy_difference": found.accuracy_difference.model_dump(),
        "agreement": found.agreement.model_dump(),
        "largest_probability_difference": round(found.largest_probability_difference, 4),
    }


def other_cpus(cpus: list[str], release: Path, texts: list[str], threshold: float) -> list[dict[str, Any]]:
    """Return for each processor the difference of its answers from this processor's."""
    if not cpus:
        return []
    mine = np.array(here(release, texts)["probabilities"])
    found = []
    for cpu in cpus:
        console.print(f"{len(texts)} texts and the golden ones as on {cpu}")
        answers = emulated(cpu, release, texts)
        theirs = np.array(answers["probabilities"])
        found.append(
            {
                "cpu": cpu,
                "texts": len(texts),
                "golden_difference": round(answers["golden_difference"], 4),
                "largest_difference": round(float(np.abs(theirs - mine).max()), 4),
                "mean_difference": round(float(np.abs(theirs - mine).mean()), 5),
                "other_labels": int(np.sum((theirs >= threshold) != (mine >= threshold))),
            }
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--texts", help="CSV with columns `text,label`")
    parser.add_argument("--release-uri", help="store of releases")
    parser.add_argument("--release", help="the start of a release's id (the champion)")
    parser.add_argument("--cpus", default="Haswell", help="QEMU's names, with commas; empty for none")
    parser.add_argument("--result", default="serving_int8", help="name of the result file (serving_int8)")
    parser.add_argument("--emulated", type=int, default=100, help="texts that each of them answers (100)")
    parser.add_argument("--answer", type=Path, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.answer:
        release, sent = options.answer
        sys.stdout.write(json.dumps(here(release, json.loads(sent.read_text()))))
        return
    if not (options.release_uri and options.texts):
        parser.error("give --release-uri, such as var/releases, and --texts")
    cpus = [cpu for cpu in options.cpus.split(",") if cpu]
    if cpus and not shutil.which(EMULATOR):
        parser.error(f"{EMULATOR} is not here: install QEMU's user-mode emulation, or pass --cpus ''")
    store = ReleaseStore(options.release_uri)
    champion = store.champion("sentiment")
    if not (options.release or champion):
        parser.error(f"{options.release_uri} has no champion: give --release")
    release_id = store.resolve("sentiment", options.release) if options.release else champion.id
    manifest = store.manifest("sentiment", release_id)
    if manifest.default_variant != INT8:
        parser.error(f"release {release_id} serves {manifest.default_variant}: its golden answers are not int8's")
    rows = read_rows(options.texts, "test")
    described = machine()
    with tempfile.TemporaryDirectory() as folder:
        release = store.fetch("sentiment", release_id, Path(folder), ("serving/", f"{FP32_IR}/"))
        document = {
            "machine": described,
            "release": {
                "id": release_id,
                "base_model": manifest.base_model,
                "max_tokens": manifest.max_tokens,
                "golden_tolerance": manifest.variants[INT8].golden_tolerance,
            },
            "beside_fp32": beside_fp32(release, rows),
            "other_cpus": other_cpus(cpus, release, rows.texts[: options.emulated], manifest.decision_threshold),
        }
    console.print(f"written: {save(options.result, document)}")
    heads = ["cpu", "golden_difference", "largest_difference", "mean_difference", "other_labels"]
    console.print(markdown(heads, [[row[key] for key in heads] for row in document["other_cpus"]]), markup=False)


if __name__ == "__main__":
    main()
