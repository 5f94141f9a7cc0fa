"""A release of DistilBERT's full size without a training: random weights, packaged and quantised as a training does it.

    python benchmarks/serving/full_size.py --texts reviews.csv.gz --work var/serving-benchmark

Speed and memory do not depend on what the weights say. `torch/` of the release, with a `tokenizer_config.json` beside
it, is what the peers load: the same weights, in fp32. Labels come from the file; accuracy means nothing here.
"""

import argparse
import csv
import gzip
import io
import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(_ROOT), str(_ROOT / "benchmarks")]

import numpy as np
from rich.console import Console

from model_release import Manifest, ReleaseStore
from model_release.folder import ReleaseFolder
from training_job.build.release import INT8, build_release
from training_job.build.types import ReleaseInputs
from training_job.data.rows import Rows
from training_job.data.split import split
from training_job.fit.bases import load_base

console = Console()
MAX_TOKENS = 512
NAME = "sentiment"
CREATED_AT = "2026-01-01T00:00:00+00:00"
ROWS, VALIDATION_ROWS, TEST_ROWS, COMPARE_ROWS, CALIBRATION_ROWS = 6000, 60, 200, 60, 100
# transformers 4 and 5 both know this class; each writes another name for it.
_TOKENIZER_CONFIG = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "model_max_length": MAX_TOKENS,
    **{f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")},
    "model_input_names": ["input_ids", "attention_mask"],
}


@dataclass(frozen=True)
class FullSize:
    """The release's root folder, its manifest, the folder that the peers load, and where their environments lie."""

    root: Path
    manifest: Manifest
    peers: Path
    environments: Path

    @property
    def model_dir(self) -> Path:
        """The folder that a predictor of int8 loads: `serving/` where that is the default variant, else the root."""
        return self.root / "serving" if self.manifest.default_variant == INT8 else self.root

    def operations(self, tokens: int) -> int:
        """Multiplications and additions of one text: the linear layers, and the two products of attention."""
        config = json.loads((self.peers / "config.json").read_text())
        layers, dim, hidden = (int(config[name]) for name in ("n_layers", "dim", "hidden_dim"))
        return layers * (2 * tokens * (4 * dim**2 + 2 * dim * hidden) + 4 * dim * tokens**2)


def read_rows(path: Path, limit: int, seed: int = 0) -> Rows:
    """Up to `limit` rows of a CSV with `text,label`, drawn by `seed`."""
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    rows = list(csv.DictReader(io.StringIO(raw.decode(), newline="")))
    chosen = np.random.default_rng(seed).permutation(len(rows))[:limit]
    return Rows([rows[at]["text"] for at in chosen], np.array([int(rows[at]["label"]) for at in chosen]))


def build(texts: Path, work: Path, base: str = "scratch") -> FullSize:
    """The release of a base that is not trained; made once and kept in `work`."""
    store = ReleaseStore(str(work / f"releases-{base}"))
    if not store.list_releases(NAME):
        console.print(f"building a release of random weights ({base}) in {work}")
        _publish(store, texts, work, base)
    release_id = store.list_releases(NAME)[0]
    root = store.fetch(NAME, release_id, work / "fetched", ("serving/", f"{INT8}/", "torch/"))
    peers = work / f"peers-{base}"
    if not peers.is_dir():
        shutil.copytree(root / "torch", peers)
        (peers / "tokenizer_config.json").write_text(json.dumps(_TOKENIZER_CONFIG, indent=1))
    return FullSize(root, ReleaseFolder(root).manifest(), peers, work / "environments")


def _publish(store: ReleaseStore, texts: Path, work: Path, base: str) -> None:
    parts = split(
        read_rows(texts, ROWS),
        None,
        train_rows=None,
        validation_rows=VALIDATION_ROWS,
        test_rows=TEST_ROWS,
    )
    loaded = load_base(base, texts=parts.train.texts, max_tokens=MAX_TOKENS, seed=0)
    inputs = ReleaseInputs(
        model=loaded.model,
        tokenizer_json=loaded.save_tokenizer(work / "tokenizer"),
        name=NAME,
        base_model=base,
        max_tokens=MAX_TOKENS,
        truncation="head_tail",
        train=parts.train,
        validation=parts.validation,
        test=parts.test,
        data_fingerprint=parts.fingerprint,
        work_dir=work,
        created_at=CREATED_AT,
        facts={"trained": False},
        compare_rows=COMPARE_ROWS,
        calibration_rows=CALIBRATION_ROWS,
        on_stage=lambda stage, _: console.print(f"  {stage}"),
    )
    built = build_release(inputs)
    store.publish(built.folder, built.manifest)
    shutil.rmtree(built.folder, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=Path, required=True, help="CSV with columns `text,label`")
    parser.add_argument("--work", type=Path, default=Path("var/serving-benchmark"))
    parser.add_argument("--base", default="scratch", help="scratch (full size) or scratch-tiny")
    options = parser.parse_args()
    made = build(options.texts, options.work, options.base)
    console.print(f"{made.root}\ndefault variant {made.manifest.default_variant}; peers load {made.peers}")


if __name__ == "__main__":
    main()
