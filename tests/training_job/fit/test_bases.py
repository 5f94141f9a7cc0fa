"""Each base is a DistilBERT classifier; BERT's weights give the same hidden states in it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import torch
from kit.factories import make_model, make_release, make_texts, make_tokenizer
from kit.http_proxy import proxy_to
from kit.hub_standin import hub
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import DistilBertConfig

from model_release import ReleaseStore
from model_release.reference import REFERENCE
from model_release.seen import SEEN, are_seen, write_seen
from training_job.errors import BaseModelError
from training_job.fit import bases
from training_job.fit.bases import Base, load_base
from training_job.fit.minilm import distilbert_config, packaged_minilm

ROOT = Path(__file__).resolve().parents[3]
TEXTS = ["A film to love.", "dull, dull and duller " * 40, "😀 café"]


def _load(name: str, max_tokens: int = 32) -> Base:
    return load_base(name, texts=make_texts(80)[0], max_tokens=max_tokens, seed=0)


def _encode(tokenizer: Tokenizer, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    ids = [tokenizer.encode(text).ids[:width] for text in TEXTS]
    padded = torch.tensor([row + [0] * (width - len(row)) for row in ids])
    return padded, torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in ids])


def _hidden(model: torch.nn.Module, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """In double precision: float32's rounding differs between CPUs by as much as a wrong epsilon would show."""
    with torch.inference_mode():
        hidden = deepcopy(model).double().eval()(input_ids=ids, attention_mask=mask).last_hidden_state
    return hidden[mask.bool()]  # padding is never read


@pytest.fixture(scope="module")
def minilm() -> Base:
    return _load("minilm", 256)


def test_minilm_computes_what_the_original_does(minilm: Base) -> None:
    from transformers import BertModel

    original = BertModel.from_pretrained(packaged_minilm(), attn_implementation="eager")
    ids, mask = _encode(minilm.tokenizer, 128)
    difference = (_hidden(minilm.model.distilbert, ids, mask) - _hidden(original, ids, mask)).abs().max()
    assert 0 <= float(difference) < 1e-6
    config = minilm.model.config
    assert (config.n_layers, config.dim, config.n_heads, config.num_labels) == (6, 384, 12, 2)
    assert (config.dropout, config.attention_dropout) == (0.1, 0.1)
    assert minilm.learning_rate == 2e-4


def test_minilm_reads_texts_as_the_original_tokenizer_does_and_whole(minilm: Base) -> None:
    from transformers import AutoTokenizer

    original = AutoTokenizer.from_pretrained(packaged_minilm())
    for text in TEXTS:
        assert minilm.tokenizer.encode(text).ids == original(text, truncation=False, padding=False)["input_ids"]


def _small_bert(folder: Path, **changes: object) -> torch.nn.Module:
    from transformers import BertConfig, BertModel

    torch.manual_seed(3)
    vocabulary = make_tokenizer(folder / "tokenizer.json")
    config = BertConfig(
        vocab_size=vocabulary,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=48,
        max_position_embeddings=40,
        initializer_range=0.5,
        **changes,
    )
    model = BertModel(config)
    with torch.no_grad():  # on a grid, where float32 adds the segment's row to a position's without rounding
        for embedding in (model.embeddings.position_embeddings, model.embeddings.token_type_embeddings):
            embedding.weight.copy_((embedding.weight * 2**12).round() / 2**12)
    model.save_pretrained(folder)
    return model


def test_a_bert_in_a_folder_is_turned_into_a_distilbert(tmp_path: Path) -> None:
    original = _small_bert(tmp_path)
    base = _load(str(tmp_path))
    ids, mask = _encode(base.tokenizer, 24)
    torch.testing.assert_close(
        _hidden(base.model.distilbert, ids, mask), _hidden(original, ids, mask), atol=1e-9, rtol=0
    )


def test_a_bert_that_no_distilbert_equals_is_refused(tmp_path: Path) -> None:
    _small_bert(tmp_path, layer_norm_eps=1e-5)
    with pytest.raises(BaseModelError, match=r"layer_norm_eps 1e-05"):
        _load(str(tmp_path))
    config = json.loads((tmp_path / "config.json").read_text()) | {"layer_norm_eps": 1e-12}
    with pytest.raises(BaseModelError, match="position_embedding_type"):
        distilbert_config(config | {"position_embedding_type": "relative_key"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DistilBERT classifier as it is saved."""
    path = tmp_path_factory.mktemp("hub") / "models/acme/tiny"
    make_model(make_tokenizer(path / "tokenizer.json"), 7).save_pretrained(path)
    return path


def test_a_distilbert_in_a_folder_is_taken_as_it_is(folder: Path) -> None:
    base = _load(str(folder))
    expected = make_model(base.tokenizer.get_vocab_size(), 7)
    for name, value in expected.distilbert.state_dict().items():
        torch.testing.assert_close(base.model.distilbert.state_dict()[name], value)
    assert base.name == str(folder)


VOCABULARY = "[PAD] [unused1] [UNK] [CLS] [SEP] [MASK] the film good a caf ##s ##é ##e é e".split()
CAPITALS = "The Film Good A É".split()


@pytest.mark.parametrize(
    ("capitals", "configured", "lower", "note"),
    [
        (True, None, False, "keep their capitals: vocab.txt holds words with capitals"),
        (False, None, True, "made lower-case: vocab.txt holds no words with capitals"),
        (True, {}, False, "keep their capitals: vocab.txt holds words with capitals"),
        (True, {"do_lower_case": False}, False, "keep their capitals, as tokenizer_config.json sets it"),
        (
            True,
            {"do_lower_case": True},
            True,
            "made lower-case, as tokenizer_config.json sets it, although vocab.txt holds",
        ),
        (
            False,
            {"do_lower_case": True, "strip_accents": False},
            True,
            "made lower-case, as tokenizer_config.json sets it",
        ),
    ],
)
def test_a_vocabulary_alone_makes_the_tokenizer_that_its_words_ask_for(
    capitals: bool, configured: dict[str, bool] | None, lower: bool, note: str, folder: Path, tmp_path: Path
) -> None:
    from transformers import BertTokenizer

    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "vocab.txt").write_text("\n".join([*VOCABULARY, *(CAPITALS if capitals else [])]) + "\n")
    if configured is not None:
        (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer"} | configured))
    base = _load(str(tmp_path))
    (shown,) = [line for line in base.notes if "vocab.txt" in line or "tokenizer_config" in line]
    assert shown.startswith(f"{tmp_path}: texts ") and note in shown
    original = BertTokenizer.from_pretrained(tmp_path, do_lower_case=lower)
    for text in ("The good Films", "a café, CAFÉ", "É a"):
        assert base.tokenizer.encode(text).ids == original(text)["input_ids"]


def test_a_few_words_with_capitals_make_no_cased_vocabulary(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("\n".join(["[CLS]", "COVID", *(f"word{number}" for number in range(200))]))
    assert not bases._is_cased(tmp_path / "vocab.txt")


@pytest.mark.parametrize(("labels", "note"), [(3, "classifier of 3 labels is replaced"), (1, "of 1 label is replaced")])
def test_a_classifier_of_other_labels_gives_way_to_a_new_one(
    labels: int, note: str, folder: Path, tmp_path: Path
) -> None:
    from transformers import DistilBertForSequenceClassification

    config = json.loads((folder / "config.json").read_text())
    names = {f"id{number}": number for number in range(labels)}
    config |= {"label2id": names, "id2label": {str(number): name for name, number in names.items()}}
    original = DistilBertForSequenceClassification(DistilBertConfig(**config))
    original.save_pretrained(tmp_path)
    (tmp_path / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
    base = _load(str(tmp_path))
    assert len(base.notes) == 1 and note in base.notes[0]
    assert base.model.classifier.out_features == base.model.config.num_labels == 2
    for name, value in original.distilbert.state_dict().items():
        assert torch.equal(base.model.distilbert.state_dict()[name], value)
    assert torch.equal(base.model.classifier.weight, _load(str(tmp_path)).model.classifier.weight)  # by the seed


def test_a_classifier_of_two_labels_is_kept_and_a_bare_network_needs_no_word(folder: Path, tmp_path: Path) -> None:
    base = _load(str(folder))
    assert base.notes == (f"{folder}: training starts from the base's classifier of two labels",)
    assert torch.equal(base.model.classifier.weight, make_model(base.tokenizer.get_vocab_size(), 7).classifier.weight)
    base.model.distilbert.save_pretrained(tmp_path)
    (tmp_path / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
    bare = _load(str(tmp_path))
    assert bare.notes == ()
    assert torch.equal(
        bare.model.distilbert.embeddings.word_embeddings.weight,
        make_model(base.tokenizer.get_vocab_size(), 7).distilbert.embeddings.word_embeddings.weight,
    )


def test_what_a_releases_network_had_seen_is_known_to_its_heir(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "torch")
    assert _load(str(tmp_path / "torch")).seen is None
    write_seen(["a warm film"], tmp_path / SEEN)
    seen = _load(str(tmp_path / "torch")).seen
    assert seen is not None and len(seen) == 1


def test_of_an_older_releases_network_only_the_reference_sample_is_known_to_be_new(tmp_path: Path) -> None:
    store = ReleaseStore(str(tmp_path / "store"))
    release = store.fetch("sentiment", make_release(store.base, rows=30, seed=4), tmp_path, ("",))
    (release / "serving/tokenizer.json").rename(release / "torch/tokenizer.json")
    base = _load(str(release / "torch"))
    assert base.seen is None and base.known_new is not None
    assert are_seen([*make_texts(30, 4)[0], "another"], base.known_new).tolist() == [True] * 30 + [False]
    (release / REFERENCE).unlink()
    without = _load(str(release / "torch")).known_new
    assert without is not None and not len(without)


def test_a_bert_with_a_classifier_gets_a_new_one(tmp_path: Path) -> None:
    from transformers import BertConfig, BertForSequenceClassification

    _small_bert(tmp_path)
    config = BertConfig.from_pretrained(tmp_path, num_labels=3)
    BertForSequenceClassification(config).save_pretrained(tmp_path)
    assert _load(str(tmp_path)).notes == (
        f"{tmp_path}: the base's classifier of 3 labels is replaced by a new one with two",
    )


def _without(name: str) -> Callable[[Path], None]:
    """Take the weights of one layer out of a folder."""

    def change(path: Path) -> None:
        weights = load_file(path / "model.safetensors")
        left = {key: value.clone() for key, value in weights.items() if name not in key}
        save_file(left, path / "model.safetensors", metadata={"format": "pt"})

    return change


def _configured(**changes: object) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        config = json.loads((path / "config.json").read_text())
        (path / "config.json").write_text(json.dumps(config | changes))

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: (path / "model.safetensors").unlink(), "cannot be loaded.*model.safetensors"),
        (lambda path: (path / "model.safetensors").write_bytes(b"x" * 40), "cannot be loaded"),
        (lambda path: (path / "config.json").write_text("{"), "cannot be loaded.*JSON"),
        (lambda path: (path / "config.json").write_text('{"model_type": "roberta"}'), "is a roberta network"),
        (lambda path: (path / "config.json").write_text("[]"), r"config\.json is not a JSON object"),
        (lambda path: (path / "config.json").write_text("{}"), "'model_type' is missing"),
        (_without("layer.1.ffn"), r"lacks distilbert\.transformer\.layer\.1\.ffn\.lin1\.bias .* 4 weights in all"),
        (_configured(dim=48), r"lacks distilbert\.embeddings\..* in the shape of config\.json"),
        (_configured(dim="wide"), "cannot be loaded"),
        (_configured(n_heads=5), "cannot be loaded"),
        (lambda path: (path / "tokenizer.json").write_text("{}"), r"cannot be loaded.*tokenizer\.json: "),
    ],
)
def test_a_broken_folder_is_named(change: object, message: str, folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    change(tmp_path)  # type: ignore[operator]
    with pytest.raises(BaseModelError, match=message) as caught:
        _load(str(tmp_path))
    assert str(tmp_path) in str(caught.value)


def test_limits_of_a_base_are_named(folder: Path) -> None:
    with pytest.raises(BaseModelError, match="reads at most 64 tokens; set MAX_TOKENS to 64"):
        _load(str(folder), 65)
    with pytest.raises(BaseModelError, match=r"folder \./nothing does not exist"):
        _load("./nothing")


def test_random_bases_are_made_from_the_texts_and_the_seed() -> None:
    one, two = _load("scratch-tiny"), _load("scratch-tiny")
    assert one.tokenizer.to_str() == two.tokenizer.to_str()
    for left, right in zip(one.model.parameters(), two.model.parameters(), strict=True):
        assert torch.equal(left, right)
    ids = one.tokenizer.encode("a wonderful film").ids
    assert ids[0] == one.tokenizer.token_to_id("[CLS]") and ids[-1] == one.tokenizer.token_to_id("[SEP]")
    assert one.tokenizer.token_to_id("[UNK]") not in ids
    other = load_base("scratch-tiny", texts=make_texts(80)[0], max_tokens=32, seed=1)
    assert not torch.equal(other.model.classifier.weight, one.model.classifier.weight)


_FETCH = """
from training_job.errors import BaseModelError
from training_job.data.hub import fetch_base
try:
    print(sorted(path.name for path in fetch_base("acme/tiny").iterdir()))
except BaseModelError as error:
    print("refused:", error)
"""


def _fetch(home: Path, endpoint: str, **variables: str) -> str:
    hub_variables = {"HF_HOME": str(home), "HF_ENDPOINT": endpoint, "HF_HUB_OFFLINE": "0", "PYTHONPATH": str(ROOT)}
    environment = os.environ | hub_variables | variables
    done = subprocess.run([sys.executable, "-c", _FETCH], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


def test_a_base_of_the_hub_is_fetched_once_and_its_absence_names_the_remedy(folder: Path, tmp_path: Path) -> None:
    (folder / "pytorch_model.bin").write_bytes(b"not wanted")
    expected = "['config.json', 'model.safetensors', 'tokenizer.json']"
    with hub(folder.parents[2]) as endpoint:
        assert _fetch(tmp_path / "one", endpoint) == expected
    assert _fetch(tmp_path / "one", endpoint) == expected
    refused = _fetch(tmp_path / "two", endpoint)
    assert refused.startswith(
        "refused: the base model 'acme/tiny' is not in the hub's cache and could not be downloaded from"
    )
    assert "BASE_MODEL=minilm" in refused


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_hub_that_only_the_proxy_reaches_is_read(variable: str, folder: Path, tmp_path: Path) -> None:
    with hub(folder.parents[2]) as endpoint, proxy_to(endpoint) as proxy:
        fetched = _fetch(tmp_path, "http://hub.internal", **{variable: proxy.url})
    assert "'model.safetensors'" in fetched
    assert set(proxy.hosts) == {"hub.internal"}


@pytest.mark.parametrize("form", ["{host}", ".{host}", "{host}:{port}", "127.0.0.0/8", "*"])
def test_a_hub_that_no_proxy_names_is_read_directly(form: str, folder: Path, tmp_path: Path) -> None:
    with hub(folder.parents[2]) as endpoint:
        parts = urlsplit(endpoint)
        host = str(parts.hostname) if "/" in form else "localhost"
        no_proxy = form.format(host=host, port=parts.port)
        fetched = _fetch(tmp_path, f"http://{host}:{parts.port}", HTTP_PROXY="http://127.0.0.1:9", NO_PROXY=no_proxy)
    assert "'model.safetensors'" in fetched


def test_a_hub_beside_the_proxy_that_does_not_answer_is_not_waited_for(tmp_path: Path) -> None:
    refused = _fetch(tmp_path, "http://127.0.0.1:9", HTTP_PROXY="http://127.0.0.1:9", NO_PROXY="127.0.0.1")
    assert refused.startswith("refused: the base model 'acme/tiny' is not in the hub's cache")
