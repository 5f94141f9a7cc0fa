"""The networks that a training starts from, each a DistilBERT classifier with its tokenizer."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from training_job.errors import BaseModelError
from training_job.minilm import distilbert_config, distilbert_weights, packaged_minilm

MINILM, SCRATCH, SCRATCH_TINY = "minilm", "scratch", "scratch-tiny"
SMALL_WIDTH = 512  # networks narrower than this learn at the higher rate
_RANDOM: dict[str, dict[str, Any]] = {
    SCRATCH: {"vocab_size": 30_522, "dim": 768, "hidden_dim": 3072, "n_layers": 6, "n_heads": 12},
    SCRATCH_TINY: {"vocab_size": 2_000, "dim": 64, "hidden_dim": 128, "n_layers": 2, "n_heads": 4},
}
VOCABULARY_TEXTS = 5_000
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_RANDOM_RATES = {SCRATCH: 1e-4, SCRATCH_TINY: 2e-3}


@dataclass(frozen=True)
class Base:
    """A network to start from.

    Attributes:
        model: a `DistilBertForSequenceClassification` with two labels, in fp32; its classifier has new weights.
        tokenizer: of BERT's form, without truncation and padding.
        learning_rate: the peak that suits it.
    """

    name: str
    model: Any
    tokenizer: Tokenizer
    learning_rate: float

    @property
    def pad_id(self) -> int:
        """The id of `[PAD]`."""
        return self.tokenizer.token_to_id("[PAD]") or 0

    def save_tokenizer(self, folder: Path) -> Path:
        """Write `tokenizer.json`; its path."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "tokenizer.json"
        self.tokenizer.save(str(path))
        return path


def load_base(name: str, *, texts: Sequence[str], max_tokens: int, seed: int) -> Base:
    """A base by name: `minilm`, `scratch`, `scratch-tiny`, a folder, or a model of the hub.

    Args:
        texts: training texts, which the tokenizer of a random network is made from.
        max_tokens: the longest text; the network must have as many positions.
        seed: of all new weights.

    Raises:
        BaseModelError: it cannot be had, or is of a kind that this pipeline does not run; names the remedy.
    """
    import torch

    torch.manual_seed(seed)
    _quiet_transformers()
    if name in _RANDOM:
        base = _random(name, texts)
    elif name == MINILM:
        base = _from_folder(name, packaged_minilm())
    elif Path(name).expanduser().is_dir():
        base = _from_folder(name, Path(name).expanduser())
    elif name.startswith(("/", "./", "../", "~")):
        raise BaseModelError(f"the base model's folder {name} does not exist; check BASE_MODEL, or set it to minilm")
    else:
        from training_job.hub import fetch_base

        base = _from_folder(name, fetch_base(name))
    positions = base.model.config.max_position_embeddings
    if max_tokens > positions:
        raise BaseModelError(f"{name} reads at most {positions} tokens; set MAX_TOKENS to {positions} or less")
    if len(base.tokenizer.encode("").ids) != 2:
        raise BaseModelError(f"{name}'s tokenizer is not of BERT's form ([CLS] text [SEP]); take another base")
    return base


def _quiet_transformers() -> None:
    """No bars that tear ours, and no report of new weights, which are meant to be new."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


def _vocabulary(texts: Sequence[str], size: int) -> Tokenizer:
    """A WordPiece tokenizer of BERT's form over these texts: their characters, then their most frequent words.

    The library's own trainer gives another vocabulary each time that it is run.
    """
    from tokenizers import models, normalizers, pre_tokenizers, processors

    normalise, part = normalizers.BertNormalizer(lowercase=True), pre_tokenizers.BertPreTokenizer()
    words: Counter[str] = Counter()
    for text in texts[:VOCABULARY_TEXTS]:
        words.update(word for word, _ in part.pre_tokenize_str(normalise.normalize_str(text)))
    letters = sorted(set().union(*words))
    frequent = sorted((word for word in words if len(word) > 1), key=lambda word: (-words[word], word))
    pieces = [*_SPECIAL, *letters, *(f"##{letter}" for letter in letters), *frequent][:size]
    ids = {piece: place for place, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalise, part
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", ids["[SEP]"]), ("[CLS]", ids["[CLS]"]))
    tokenizer.add_special_tokens(list(_SPECIAL))
    return tokenizer


def _random(name: str, texts: Sequence[str]) -> Base:
    """A network of random weights, and a tokenizer made from the training texts."""
    from transformers import DistilBertConfig, DistilBertForSequenceClassification

    shape = _RANDOM[name]
    tokenizer = _vocabulary(texts, shape["vocab_size"])
    config = DistilBertConfig(**shape | {"vocab_size": tokenizer.get_vocab_size()}, max_position_embeddings=512)
    return Base(name, DistilBertForSequenceClassification(config), tokenizer, _RANDOM_RATES[name])


def _from_folder(name: str, folder: Path) -> Base:
    """A DistilBERT as it is saved, or a BERT turned into one."""
    from safetensors import SafetensorError

    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
        kind = config["model_type"]
        if kind not in {"distilbert", "bert"}:
            raise BaseModelError(
                f"{name} is a {kind} network; this pipeline runs DistilBERT (and BERT, turned into one)"
            )
        model = _distilbert(folder) if kind == "distilbert" else _from_bert(folder, config)
        tokenizer = _tokenizer(folder)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:200]
        raise BaseModelError(
            f"{name} cannot be loaded from {folder} ({type(error).__name__}: {reason}); it needs config.json, "
            "model.safetensors and tokenizer.json (or vocab.txt). BASE_MODEL=minilm needs no hub"
        ) from error
    return Base(name, model, tokenizer, 2e-4 if model.config.dim < SMALL_WIDTH else 5e-5)


def _distilbert(folder: Path) -> Any:
    import torch
    from transformers import DistilBertForSequenceClassification

    return DistilBertForSequenceClassification.from_pretrained(folder, num_labels=2, dtype=torch.float32)


def _from_bert(folder: Path, config: dict[str, Any]) -> Any:
    from safetensors.torch import load_file
    from transformers import DistilBertConfig, DistilBertForSequenceClassification

    model = DistilBertForSequenceClassification(DistilBertConfig(**distilbert_config(config)))
    weights = {
        name: value.float()
        for name, value in load_file(folder / "model.safetensors").items()
        if value.is_floating_point()
    }
    model.distilbert.load_state_dict(distilbert_weights(weights))
    return model


def _tokenizer(folder: Path) -> Tokenizer:
    if (folder / "tokenizer.json").is_file():
        try:
            tokenizer = Tokenizer.from_str((folder / "tokenizer.json").read_text("utf-8"))
        except Exception as error:  # the library raises bare Exception for a bad document
            raise ValueError(f"tokenizer.json: {error}") from error
    else:
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(folder).backend_tokenizer
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
