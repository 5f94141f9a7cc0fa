"""Texts to token ids: by the release's tokeniser, and for plain English by less of it to the same ids."""

from collections.abc import Sequence

from tokenizers import Tokenizer
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

# What BERT's normaliser leaves as it is but for its case; white space is where words are parted, whichever it is.
_PLAIN = bytes(range(0x20, 0x7F)) + b"\t\n\r"


class TokenIds:
    """Token ids of whole texts, without special tokens.

    BERT's normaliser looks at every character in several passes, for accents, Chinese characters and control
    characters. In printable ASCII it finds none, and lower case is all that it would make.
    So such texts go to the same model without it. Any other text, one that holds a special token, and every text of a
    release whose tokeniser is not BERT's takes the whole way.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._whole = tokenizer
        self._short: Tokenizer | None = None
        normalizer = tokenizer.normalizer
        if isinstance(normalizer, BertNormalizer) and isinstance(tokenizer.pre_tokenizer, BertPreTokenizer):
            self._short = Tokenizer(tokenizer.model)  # one model, which both share
            self._short.pre_tokenizer = tokenizer.pre_tokenizer
            self._lowercase = normalizer.lowercase
            self._special = [token.content.lower() for token in tokenizer.get_added_tokens_decoder().values()]

    def __call__(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text, which holds no lone surrogates."""
        if self._short is None:
            return _ids(self._whole, texts)
        found: dict[int, list[int]] = {}
        short = {at: plain for at, text in enumerate(texts) if (plain := self._plain(text)) is not None}
        whole = {at: text for at, text in enumerate(texts) if at not in short}
        for tokenizer, part in ((self._short, short), (self._whole, whole)):
            found.update(zip(part, _ids(tokenizer, list(part.values())), strict=True))
        return [found[at] for at in range(len(texts))]

    def _plain(self, text: str) -> str | None:
        """The text as the normaliser would leave it, if that can be told without it."""
        if not text.isascii() or text.encode().translate(None, _PLAIN):
            return None
        lower = text.lower()
        if any(special in lower for special in self._special):
            return None
        return lower if self._lowercase else text


def _ids(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    return [encoding.ids for encoding in tokenizer.encode_batch_fast(texts, add_special_tokens=False)] if texts else []
