"""Common parts of the serving benchmarks: their options, the release and the loads made from these."""

import argparse
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(_ROOT), str(_ROOT / "benchmarks")]

import full_size
from full_size import FullSize
from harness import read_texts
from texts import LENGTHS, MIX, Load, make_loads

from model_release.scoring.scorer import load_tokenizer


def names(text: str) -> list[str]:
    """The parts of an option with commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


def numbers(text: str) -> list[int]:
    """The numbers of an option with commas."""
    return [int(part) for part in names(text)]


def parser(description: str | None, result: str) -> argparse.ArgumentParser:
    """The options that every serving benchmark has."""
    made = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    made.add_argument("--texts", type=Path, required=True, help="CSV with columns `text,label`")
    made.add_argument("--work", type=Path, default=Path("var/serving-benchmark"), help="release and environments")
    made.add_argument("--base", default="scratch", help="scratch (full size) or scratch-tiny")
    made.add_argument("--lengths", type=names, default=[*map(str, LENGTHS), MIX], help="tokens, and mix")
    made.add_argument("--count", type=int, default=400, help="texts of each length (400)")
    made.add_argument("--result", default=result, help=f"name of the result file ({result})")
    return made


@dataclass(frozen=True)
class Setting:
    """The release, the loads, and an empty folder for what the servers write."""

    model: FullSize
    loads: list[Load]
    runs: Path

    def load(self, name: str) -> Load:
        """The load of this name, else the last one."""
        return next((load for load in self.loads if load.name == name), self.loads[-1])


def make(options: argparse.Namespace, runs: str, lengths: Sequence[str] | None = None) -> Setting:
    """Build or find the release, cut the texts, empty the folder `runs`: the servers' output stays there to be read."""
    model = full_size.build(options.texts, options.work, options.base)
    tokenizer = load_tokenizer(model.peers / "tokenizer.json")
    loads = make_loads(lengths or options.lengths, read_texts(options.texts), options.count, tokenizer)
    folder = options.work / runs
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return Setting(model, loads, folder)
