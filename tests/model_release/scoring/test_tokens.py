"""The short way to token ids and the tokeniser's own give the same."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from kit.factories import make_texts, make_tokenizer
from tokenizers import AddedToken, Tokenizer, normalizers, pre_tokenizers

from model_release.scoring import tokens
from model_release.scoring.scorer import load_tokenizer
from model_release.scoring.tokens import TokenIds

WORDS = sorted({word for text in make_texts(200)[0] for word in text.split()})
PIECES = (
    st.sampled_from([*WORDS, *map(str.upper, WORDS), *map(str.title, WORDS)])
    | st.sampled_from(
        ["[SEP]", "[sep]", "[CLS", "[MASK]", "##s", "zest", "ZEST", "caf\u00e9", "cafe\u0301", "\u6620\u753b"]
    )
    | st.text(st.characters(max_codepoint=0x7F), max_size=8)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
)
SPACES = st.sampled_from([" ", "", "\n", "\t", "\r\n", "\x0b", "\x00", "\u00a0", "\u200b", ", "])
TEXTS = st.lists(st.tuples(PIECES, SPACES), max_size=8).map(lambda pairs: "".join(map("".join, pairs)))


def _uncased(tokenizer: Tokenizer) -> None:
    """As it is made."""


def _cased(tokenizer: Tokenizer) -> None:
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)


def _accents_kept(tokenizer: Tokenizer) -> None:
    tokenizer.normalizer = normalizers.BertNormalizer(clean_text=False, strip_accents=False)


def _with_added_words(tokenizer: Tokenizer) -> None:
    tokenizer.add_tokens([AddedToken("Zest", normalized=True), AddedToken("film", single_word=True)])


def _with_added_phrases(tokenizer: Tokenizer) -> None:
    tokenizer.add_tokens([AddedToken("the film", normalized=True), AddedToken("caf\u00e9", normalized=True)])


def _not_berts(tokenizer: Tokenizer) -> None:
    tokenizer.normalizer = normalizers.Sequence([normalizers.Replace("o", "0"), normalizers.Lowercase()])


def _parted_otherwise(tokenizer: Tokenizer) -> None:
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()


@pytest.fixture(
    scope="module",
    params=[
        _uncased,
        _cased,
        _accents_kept,
        _with_added_words,
        _with_added_phrases,
        _not_berts,
        _parted_otherwise,
    ],
    ids=lambda change: change.__name__.strip("_"),
)
def tokenizer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    path: Path = tmp_path_factory.mktemp("tokens") / "tokenizer.json"
    make_tokenizer(path)
    made = load_tokenizer(path)
    request.param(made)
    return made


@given(texts=st.lists(TEXTS, max_size=4))
@example(texts=["A warm and moving tale.", "caf\u00e9 [SEP]", "", "  \n", "Zest of the film", "the\nfilm, a cafe"])
@example(texts=["A warm and moving tale. " * 200, "caf\u00e9"])
def test_ids_are_the_tokenisers_own(tokenizer: Tokenizer, texts: list[str]) -> None:
    expected = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    assert TokenIds(tokenizer)(texts) == expected


def test_ids_stay_right_while_words_are_forgotten(tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "WORDS_KEPT", 5)
    ids = TokenIds(tokenizer)
    for _ in range(2):
        for text in make_texts(20)[0]:
            assert ids([text]) == [tokenizer.encode(text, add_special_tokens=False).ids]


def test_what_is_kept_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "WORDS_KEPT", 100)
    make_tokenizer(tmp_path / "tokenizer.json")
    words = tokens.Words(load_tokenizer(tmp_path / "tokenizer.json").model)
    for number in range(300):
        words(f"word{number}")
        assert 0 < len(words) <= 100
    kept = len(words)
    words("long" * 50)
    assert len(words) == kept
