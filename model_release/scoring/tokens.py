"""Texts to token ids: by the release's tokeniser, and for plain English word by word to the same ids."""

import re
from collections.abc import Sequence
from itertools import chain, repeat

from tokenizers import Tokenizer
from tokenizers.models import Model
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

# What BERT's normaliser leaves as it is but for its case; white space is where words are parted, whichever it is.
_PLAIN = bytes(range(0x20, 0x7F)) + b"\t\n\r"
_WORD = re.compile(r"[0-9A-Za-z]+|[^0-9A-Za-z \t\n\r]")  # BERT parts plain text so: each mark is a word of its own
WORDS_KEPT = 30_000  # as many as BERT's vocabulary has
WORD_CHARACTERS = 20  # of a word that is kept, at most: with its ids it takes about 200 bytes, and never over 1,000
INLINE_CHARACTERS = 4_000  # so many take a fraction of a millisecond, for which the interpreter's lock may be held


class TokenIds:
    """Token ids of whole texts, without special tokens.

    BERT's normaliser looks at every character in several passes, for accents, Chinese characters and control
    characters. In printable ASCII it finds none, and lower case is all that it would make. What is left is to part the
    text into words, which the model takes one by one: of those that it has been asked for lately the ids are kept.
    More text than `INLINE_CHARACTERS` goes to a tokeniser without a normaliser, whose code leaves the interpreter's
    lock to others. Any other text, one that holds a special token, and every text of a release whose tokeniser is not
    BERT's takes the whole way.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._whole = tokenizer
        self._short: Tokenizer | None = None
        self._words = Words(tokenizer.model)
        normalizer, parts = tokenizer.normalizer, tokenizer.pre_tokenizer
        special = [token.content for token in tokenizer.get_added_tokens_decoder().values()]
        berts = isinstance(normalizer, BertNormalizer) and isinstance(parts, BertPreTokenizer)
        # One that the normaliser changes by more than its case is not found by looking for it.
        if berts and all(content.isascii() and content.isprintable() and " " not in content for content in special):
            self._short = Tokenizer(tokenizer.model)  # one model, which all share
            self._short.pre_tokenizer = parts
            self._lowercase = normalizer.lowercase
            self._special = [content.lower() for content in special]

    def __call__(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text, which holds no lone surrogates."""
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
        """The text as the normaliser would leave it, if that can be told without it."""
        if not text.isascii() or text.encode().translate(None, _PLAIN):
            return None
        lower = text.lower()
        if any(special in lower for special in self._special):
            return None
        return lower if self._lowercase else text


class Words:
    """Ids of normalised plain texts, from those of their words."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._kept: dict[str, tuple[int, ...]] = {}

    def __len__(self) -> int:
        """Words whose ids are kept."""
        return len(self._kept)

    def __call__(self, text: str) -> list[int]:
        """The ids of one."""
        words = _WORD.findall(text)
        found: list[tuple[int, ...]] = list(map(self._kept.get, words, repeat(())))
        if not all(found):
            new = self._learn({word for word, ids in zip(words, found, strict=True) if not ids})
            found = [ids or new[word] for word, ids in zip(words, found, strict=True)]
        return list(chain.from_iterable(found))

    def _learn(self, words: set[str]) -> dict[str, tuple[int, ...]]:
        """The ids of these words, which are kept from now on; where there is no room all others are forgotten."""
        new = {word: tuple(piece.id for piece in self._model.tokenize(word)) for word in words}
        short = {word: ids for word, ids in new.items() if len(word) <= WORD_CHARACTERS}
        if len(self._kept) + len(short) > WORDS_KEPT:
            self._kept.clear()
        self._kept.update(short)
        return new


def _ids(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    return [encoding.ids for encoding in tokenizer.encode_batch_fast(texts, add_special_tokens=False)] if texts else []
