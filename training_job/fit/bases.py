"""Networks that a training starts from, each a DistilBERT classifier with its tokenizer."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from model_release.manifest import MANIFEST
from model_release.seen import SEEN, Keys, known_new_to, read_seen
from training_job.errors import BaseModelError
from training_job.fit.minilm import distilbert_config, distilbert_weights, packaged_minilm

MINILM, SCRATCH, SCRATCH_TINY = "minilm", "scratch", "scratch-tiny"
SMALL_WIDTH = 512  # narrower networks use the higher learning rate
_RANDOM: dict[str, dict[str, Any]] = {
    SCRATCH: {"vocab_size": 30_522, "dim": 768, "hidden_dim": 3072, "n_layers": 6, "n_heads": 12},
    SCRATCH_TINY: {"vocab_size": 2_000, "dim": 64, "hidden_dim": 128, "n_layers": 2, "n_heads": 4},
}
VOCABULARY_TEXTS = 5_000
LABELS = 2
CASED_FROM = 0.01  # share of words with capitals; a few added words do not make a vocabulary cased
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_RANDOM_RATES = {SCRATCH: 1e-4, SCRATCH_TINY: 2e-3}


@dataclass(frozen=True)
class Base:
    """A network to start from.

    Attributes:
        model: a `DistilBertForSequenceClassification` with two labels, in fp32; its classifier has new weights, unless
            the base itself has a classifier of two labels.
        tokenizer: of BERT's form, without truncation and padding.
        learning_rate: the peak that suits it.
        notes: choices to report to the user, one sentence each.
        seen: hashes of the texts that a release's network was made from; None for any other base.
        known_new: hashes of the only texts known to be new to a release's network whose record is incomplete; None for
            any other base.
    """

    name: str
    model: Any
    tokenizer: Tokenizer
    learning_rate: float
    notes: tuple[str, ...] = ()
    seen: Keys | None = None
    known_new: Keys | None = None

    @property
    def pad_id(self) -> int:
        """The id of `[PAD]`."""
        return self.tokenizer.token_to_id("[PAD]") or 0

    def save_tokenizer(self, folder: Path) -> Path:
        """Write `tokenizer.json`, and return its path."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "tokenizer.json"
        self.tokenizer.save(str(path))
        return path


def load_base(name: str, *, texts: Sequence[str], max_tokens: int, seed: int) -> Base:
    """Load a base by name: `minilm`, `scratch`, `scratch-tiny`, a folder, or a model of the hub.

    Args:
        texts: training texts, from which the tokenizer of a random network is made.
        max_tokens: length of the longest text; the network must have as many positions.
        seed: seed of all new weights.

    Raises:
        BaseModelError: the base cannot be loaded, or is of an unsupported kind; names the remedy.
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
        from training_job.data.hub import fetch_base

        base = _from_folder(name, fetch_base(name))
    positions = base.model.config.max_position_embeddings
    if max_tokens > positions:
        raise BaseModelError(f"{name} reads at most {positions} tokens; set MAX_TOKENS to {positions} or less")
    if len(base.tokenizer.encode("").ids) != 2:
        raise BaseModelError(f"{name}'s tokenizer is not of BERT's form ([CLS] text [SEP]); use another base")
    return base


def _quiet_transformers() -> None:
    """Silence transformers' progress bars, which garble ours, and its report of new weights, which are intended."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


def _vocabulary(texts: Sequence[str], size: int) -> Tokenizer:
    """Make a WordPiece tokenizer of BERT's form from the characters and the most frequent words of these texts.

    The library's trainer is not used, because its vocabulary differs from run to run.
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
    """Make a network with random weights, and a tokenizer from the training texts."""
    from transformers import DistilBertConfig, DistilBertForSequenceClassification

    shape = _RANDOM[name]
    tokenizer = _vocabulary(texts, shape["vocab_size"])
    config = DistilBertConfig(**shape | {"vocab_size": tokenizer.get_vocab_size()}, max_position_embeddings=512)
    return Base(name, DistilBertForSequenceClassification(config), tokenizer, _RANDOM_RATES[name])


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{path.name} is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise ValueError(f"{path.name} is not a JSON object")
    return document


def _from_folder(name: str, folder: Path) -> Base:
    """Load a saved DistilBERT, or a BERT converted to one."""
    try:
        config = _document(folder / "config.json")
        kind = config["model_type"]
        if kind not in {"distilbert", "bert"}:
            raise BaseModelError(f"{name} is a {kind} network; use a DistilBERT, or a BERT, which is converted to one")
        model, head = _distilbert(folder) if kind == "distilbert" else _from_bert(folder, config)
        tokenizer, case = _tokenizer(folder)
    except (BaseModelError, MemoryError):
        raise
    except Exception as error:  # of torch, safetensors, transformers and tokenizers
        if "can't allocate memory" in str(error):
            raise
        missing = " is missing" if isinstance(error, KeyError) else ""
        reason = " ".join(str(error).split())[:200] + missing
        raise BaseModelError(
            f"{name} cannot be loaded from {folder} ({reason}); it needs config.json, "
            "model.safetensors and tokenizer.json (or vocab.txt). BASE_MODEL=minilm needs no hub"
        ) from error
    notes = tuple(f"{name}: {note}" for note in (head, case) if note)
    seen, known_new = _history(folder.resolve().parent)
    return Base(name, model, tokenizer, 2e-4 if model.config.dim < SMALL_WIDTH else 5e-5, notes, seen, known_new)


def _history(release: Path) -> tuple[Keys | None, Keys | None]:
    """Read `seen` and `known_new` of a base in a release's folder; both are None in any other folder."""
    seen = read_seen(release / SEEN) if (release / SEEN).is_file() else None
    is_release = seen is not None or (release / MANIFEST).is_file()
    return seen, known_new_to(release) if is_release else None


def _head_note(labels: int | None, kept: bool) -> str:
    """Describe what becomes of the base's classifier of `labels` labels; empty for a base without a classifier."""
    if labels is None:
        return ""
    if kept:
        return "training starts from the base's classifier of two labels"
    return f"the base's classifier of {labels} {'label' if labels == 1 else 'labels'} is replaced by a new one with two"


def _distilbert(folder: Path) -> tuple[Any, str]:
    import torch
    from transformers import DistilBertForSequenceClassification

    model, found = DistilBertForSequenceClassification.from_pretrained(
        folder, num_labels=LABELS, dtype=torch.float32, ignore_mismatched_sizes=True, output_loading_info=True
    )
    shapes = {name: tuple(saved) for name, saved, _ in found["mismatched_keys"]}
    wrong = sorted(name for name in {*shapes, *found["missing_keys"]} if name.startswith("distilbert."))
    if wrong:
        raise ValueError(f"model.safetensors lacks {wrong[0]} in the shape of config.json, {len(wrong)} weights in all")
    if "classifier.weight" in shapes:
        return model, _head_note(shapes["classifier.weight"][0], kept=False)
    return model, _head_note(None if "classifier.weight" in found["missing_keys"] else LABELS, kept=True)


def _from_bert(folder: Path, config: dict[str, Any]) -> tuple[Any, str]:
    from safetensors.torch import load_file
    from transformers import DistilBertConfig, DistilBertForSequenceClassification

    model = DistilBertForSequenceClassification(DistilBertConfig(**distilbert_config(config)))
    weights = {
        name: value.float()
        for name, value in load_file(folder / "model.safetensors").items()
        if value.is_floating_point()
    }
    model.distilbert.load_state_dict(distilbert_weights(weights))
    # A BERT's classifier reads its pooler, which DistilBERT does not have, so it is always replaced.
    labels = len(weights["classifier.weight"]) if "classifier.weight" in weights else None
    return model, _head_note(labels, kept=False)


def _is_cased(vocabulary: Path) -> bool:
    """Whether a vocabulary has words with capitals, apart from `[CLS]` and the like."""
    tokens = [token for token in vocabulary.read_text("utf-8").split("\n") if token and token[0] + token[-1] != "[]"]
    return sum(token != token.lower() for token in tokens) > CASED_FROM * len(tokens)


def _case(folder: Path) -> tuple[bool, str]:
    """Decide if the tokenizer of a `vocab.txt` lower-cases texts; return the decision and its reason."""
    path = folder / "tokenizer_config.json"
    configured = _document(path).get("do_lower_case") if path.is_file() else None
    cased = _is_cased(folder / "vocab.txt")
    lower = not cased if configured is None else bool(configured)
    does = "texts are made lower-case" if lower else "texts keep their capitals"
    if configured is None:
        holds = "holds words with capitals" if cased else "holds no words with capitals"
        return lower, f"{does}: vocab.txt {holds}, and tokenizer_config.json does not set do_lower_case"
    but = ", although vocab.txt holds words with capitals" if lower and cased else ""
    return lower, f"{does}, as tokenizer_config.json sets it{but}"


def _tokenizer(folder: Path) -> tuple[Tokenizer, str]:
    """Load the tokenizer of a folder; return it, and a sentence if its treatment of capitals had to be decided."""
    note = ""
    if (folder / "tokenizer.json").is_file():
        try:
            tokenizer = Tokenizer.from_str((folder / "tokenizer.json").read_text("utf-8"))
        except Exception as error:  # the library raises a plain Exception for a bad document
            raise ValueError(f"tokenizer.json: {error}") from error
    else:
        from transformers import AutoTokenizer

        lower, note = _case(folder)
        tokenizer = AutoTokenizer.from_pretrained(folder, do_lower_case=lower).backend_tokenizer
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer, note
