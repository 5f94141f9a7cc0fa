"""Real but tiny releases for tests: a DistilBERT of random weights, exported as a training run exports it."""

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from model_release import EngineVariant, Manifest, ReleaseStore, Scorer, fill_manifest_files
from model_release.golden import build_golden, write_golden
from model_release.reference import REFERENCE, build_reference, write_reference
from model_release.seen import SEEN, write_seen
from sentiment_common.intervals import Interval

GOOD = "wonderful warm moving superb brilliant charming delightful gripping tender funny".split()
BAD = "dull awful tedious clumsy boring lifeless dreadful hollow noisy pointless".split()
PLAIN = (
    "the film a plot with actors and scenes that music camera story ending director never not very was is it".split()
)


def make_texts(count: int, seed: int = 0, words: tuple[int, int] = (5, 40)) -> tuple[list[str], np.ndarray]:
    """Make `count` reviews and their labels, half of them positive."""
    rng = random.Random(seed)
    labels = np.array([index % 2 for index in range(count)])
    texts = [
        " ".join(rng.choice(GOOD if label else BAD) if rng.random() < 0.3 else rng.choice(PLAIN) for _ in range(size))
        for label, size in ((label, rng.randint(*words)) for label in labels)
    ]
    return texts, labels


def make_tokenizer(path: Path) -> int:
    """Write a WordPiece `tokenizer.json` of BERT's form; return its vocabulary's size."""
    from tokenizers import BertWordPieceTokenizer
    from tokenizers.processors import BertProcessing

    tokenizer = BertWordPieceTokenizer(lowercase=True)
    tokenizer.train_from_iterator(make_texts(200)[0], vocab_size=400, min_frequency=1, show_progress=False)
    first, last = ((token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]"))
    tokenizer.post_processor = BertProcessing(last, first)
    path.parent.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(path))
    return int(tokenizer.get_vocab_size())


def make_model(vocab_size: int, seed: int = 0, max_tokens: int = 64):
    """Make a DistilBERT classifier of 2 layers x 32 with random weights."""
    import torch
    from transformers import DistilBertConfig, DistilBertForSequenceClassification

    torch.manual_seed(seed)
    config = DistilBertConfig(
        vocab_size=vocab_size,
        dim=32,
        hidden_dim=64,
        n_layers=2,
        n_heads=4,
        max_position_embeddings=max_tokens,
        initializer_range=0.3,  # so that answers differ from text to text
    )
    return DistilBertForSequenceClassification(config).eval()


def make_release(
    store_uri: str | Path,
    *,
    rows: int = 120,
    seed: int = 0,
    name: str = "sentiment",
    work: Path | None = None,
    seen: Sequence[str] | None = None,
) -> str:
    """Publish a release whose default variant is the fp32 IR of a random network; return its id.

    Args:
        seen: texts that it records as trained on; without them it records none, as older releases do.
    """
    import tempfile

    from training_job.build.export import export_openvino

    with tempfile.TemporaryDirectory(dir=work) as scratch:
        folder = Path(scratch)
        vocab_size = make_tokenizer(folder / "serving/tokenizer.json")
        model = make_model(vocab_size, seed)
        export_openvino(model, folder / "serving/openvino-fp32")
        model.save_pretrained(folder / "torch")
        (folder / "MODEL_CARD.md").write_text("# A release for tests\n")
        manifest = Manifest(
            name=name,
            created_at=f"2026-01-01T00:00:{seed % 60:02d}+00:00",
            base_model="scratch-tiny",
            labels=("negative", "positive"),
            max_tokens=64,
            hidden_size=32,
            variants={
                "openvino-fp32": EngineVariant(
                    path="serving/openvino-fp32", kind="openvino", precision="fp32", golden_tolerance=0.03
                ),
                "torch": EngineVariant(path="torch", kind="torch", precision="fp32", golden_tolerance=0.03),
            },
            default_variant="openvino-fp32",
            decision_threshold=0.5,
            temperature=1.5,
            metrics={"accuracy": Interval(value=0.5, low=0.4, high=0.6)},
            facts={"rows": rows},
            data_fingerprint="0" * 64,
            git_commit=None,
            mlflow_run_id=None,
            files=(),
        )
        (folder / "serving/manifest.json").write_bytes(manifest.canonical())
        (folder / "manifest.json").write_bytes(manifest.canonical())
        scorer = Scorer.load(folder, threads=1, verify=False)
        texts, labels = make_texts(rows, seed)
        write_golden(build_golden(scorer, texts, "openvino-fp32", 0.03, limit=20), folder / "serving/golden.json")
        write_reference(build_reference(scorer.score(texts), texts, labels), folder / REFERENCE)
        if seen is not None:
            write_seen(seen, folder / SEEN)
        return ReleaseStore(str(store_uri)).publish(folder, fill_manifest_files(folder, manifest))
