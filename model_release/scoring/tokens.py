"""Token ids of texts: by the release's tokeniser, or word by word for plain English, with equal results."""

import re
from collections.abc import Sequence
from itertools import chain, repeat

from tokenizers import Tokenizer
from tokenizers.models import Model
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

# Characters of which BERT's normaliser changes only the case; any white space separates words.
_PLAIN = bytes(range(0x20, 0x7F)) + b"\t\n\r"
_WORD = re.compile(r"[0-9A-Za-z]+|[^0-9A-Za-z \t\n\r]")  # BERT's split of plain text: each punctuation mark is a word
WORDS_KEPT = 30_000  # the size of BERT's vocabulary
WORD_CHARACTERS = 20  # longest word that is kept: with its ids about 200 bytes, and at most 1,000
INLINE_CHARACTERS = 4_000  # take a fraction of a millisecond, for which the interpreter's lock may be held


class TokenIds:
    """Token ids of whole texts, without special tokens.

    BERT's normaliser makes several passes over every character, for accents, Chinese characters and control characters.
    Printable ASCII has none of these, so lower-casing is its only effect. Then the text is split into words, which the
    model converts one by one; the ids of recent words are kept. More text than `INLINE_CHARACTERS` goes to a tokeniser
    without a normaliser, which releases the interpreter's lock. The whole tokeniser reads any other text, texts with a
    special token, and every text of a release whose tokeniser is not BERT's.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._whole = tokenizer
        self._short: Tokenizer | None = None
        self._words = Words(tokenizer.model)
        normalizer, parts = tokenizer.normalizer, tokenizer.pre_tokenizer
        special = [token.content for token in tokenizer.get_added_tokens_decoder().values()]
        berts = isinstance(normalizer, BertNormalizer) and isinstance(parts, BertPreTokenizer)
        # A search cannot find a token that the normaliser changes by more than its case.
        if berts and all(content.isascii() and content.isprintable() and " " not in content for content in special):
            self._short = Tokenizer(tokenizer.model)  # one model, shared by both
            self._short.pre_tokenizer = parts
            self._lowercase = normalizer.lowercase
            self._special = [content.lower() for content in special]

    def __call__(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of each text; the texts must not contain lone surrogates."""
        if self._short is None:
            return _ids(self._whole, texts)
        plain = {at: plain for at, text in enumerate(texts) if (plain := self._plain(text)) is not None}
        if sum(map(len, plain.values())) <= INLINE_CHARACTERS:
            found = {at: self._words(text) for at, text in plain.items()}
        else:
            found = dict(zip(plain, _ids(self._short, list(plain.values())), strict=True))
        others = [at for at in range(len(texts)) if at not in found]
        found.update(zip(others, _ids(self._whole, [texts[at] for at in others]), strict=True))
        return [found[at] for at in range(len(texts))]

    def _plain(self, text: str) -> str | None:
        """Return the text as the normaliser would return it; None if that is not known without running it."""
        if not text.isascii() or text.encode().translate(None, _PLAIN):
            return None
        lower = text.lower()
        if any(special in lower for special in self._special):
            return None
        return lower if self._lowercase else text


class Words:
    """Ids of normalised plain texts, from the ids of their words."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._kept: dict[str, tuple[int, ...]] = {}

    def __len__(self) -> int:
        """Number of words whose ids are kept."""
        return len(self._kept)

    def __call__(self, text: str) -> list[int]:
        """Return the ids of a text."""
        words = _WORD.findall(text)
        found: list[tuple[int, ...]] = list(map(self._kept.get, words, repeat(())))
        if not all(found):
            new = self._learn({word for word, ids in zip(words, found, strict=True) if not ids})
            found = [ids or new[word] for word, ids in zip(words, found, strict=True)]
        return list(chain.from_iterable(found))

    def _learn(self, words: set[str]) -> dict[str, tuple[int, ...]]:
        """Return and keep the ids of these words; if there is no room, all other words are dropped first."""
        new = {word: tuple(piece.id for piece in self._model.tokenize(word)) for word in words}
        short = {word: ids for word, ids in new.items() if len(word) <= WORD_CHARACTERS}
        if len(self._kept) + len(short) > WORDS_KEPT:
            self._kept.clear()
        self._kept.update(short)
        return new


def _ids(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    return [encoding.ids for encoding in tokenizer.encode_batch_fast(texts, add_special_tokens=False)] if texts else []
