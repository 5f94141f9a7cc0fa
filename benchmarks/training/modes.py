"""Train one mode and keep the figures of its release.

    python benchmarks/training/modes.py --mode quick --train train.csv.gz --test test.csv.gz --base minilm

Runs `sentiment train` as a user does (own process), promotes the release, and reads the figures from its manifest.
With `--release ID` it reads those of an existing release, for example of a demo on your rows.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from harness import machine, markdown, save
from rich.console import Console

from model_release import ReleaseStore

console = Console()


def _train(store: ReleaseStore, options: argparse.Namespace) -> tuple[str, float]:
    """Train and promote; return the release's id and the seconds of the training."""
    before = set(store.list_releases("sentiment"))
    sentiment = [sys.executable, "-m", "sentiment_cli"]
    data = ["--train", options.train, "--test", options.test, "--base", options.base]
    limits = ["--mode", options.mode, "--max-tokens", options.max_tokens]
    environment = os.environ | {"RELEASES_URI": options.releases_uri}
    started = time.perf_counter()
    subprocess.run([*sentiment, "train", *limits, *data], env=environment, check=True)
    seconds = time.perf_counter() - started
    (release_id,) = set(store.list_releases("sentiment")) - before
    subprocess.run([*sentiment, "promote", release_id], env=environment, check=True)
    return release_id, round(seconds, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mode", default="quick")
    parser.add_argument("--train")
    parser.add_argument("--test")
    parser.add_argument("--release", help="read this release instead of training one")
    parser.add_argument("--base", default="minilm")
    parser.add_argument("--max-tokens", default="256")
    parser.add_argument("--releases-uri", default="var/releases")
    options = parser.parse_args()
    if not options.release and not (options.train and options.test):
        parser.error("give --train and --test, or --release")
    described = machine()
    store = ReleaseStore(options.releases_uri)
    release_id, seconds = (
        (store.resolve("sentiment", options.release), None) if options.release else _train(store, options)
    )
    manifest = store.manifest("sentiment", release_id)
    named = {name: manifest.facts.get(name) for name in ("train_data", "test_data")}
    files = {name: Path(str(path)).name for name, path in named.items() if path}
    document = {
        "machine": described,
        "release": release_id,
        "mode": options.mode,
        "base_model": manifest.base_model,
        "max_tokens": manifest.max_tokens,
        "default_variant": manifest.default_variant,
        "temperature": manifest.temperature,
        "seconds_in_all": seconds,
        "metrics": {name: metric.model_dump() for name, metric in sorted(manifest.metrics.items())},
        "facts": manifest.facts | files,
    }
    console.print(f"written: {save(f'training_{options.mode}', document)}")
    rows = [(name, f"{m.value:.4f}", f"{m.low:.4f} to {m.high:.4f}") for name, m in sorted(manifest.metrics.items())]
    console.print(markdown(["figure", "value", "95 % interval"], rows), markup=False)


if __name__ == "__main__":
    main()
