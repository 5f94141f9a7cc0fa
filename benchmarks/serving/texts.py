"""Texts of chosen lengths, and a data set's own mix of lengths cut to what every server reads."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer

MIX = "mix"
LENGTHS = (16, 32, 64, 128, 256, 512)
LIMIT = 512  # tokens, [CLS] and [SEP] counted; some of the peers crash on more


@dataclass(frozen=True)
class Load:
    """Texts of one kind and the tokens of each, [CLS] and [SEP] counted."""

    name: str
    texts: list[str]
    tokens: list[int]

    @property
    def mean_tokens(self) -> float:
        return sum(self.tokens) / len(self.tokens)


def cut(text: str, tokens: int, tokenizer: Tokenizer) -> tuple[str, int]:
    """The start of a text that has at most `tokens` tokens, [CLS] and [SEP] counted, and how many it has."""
    encoding = tokenizer.encode(text, add_special_tokens=False)
    length = tokens - 2
    while length > 0 and len(encoding) > tokens - 2:
        # A cut inside of a word can make more pieces of it than it had: then one piece less is tried.
        text = text[: encoding.offsets[length - 1][1]]
        encoding = tokenizer.encode(text, add_special_tokens=False)
        length -= 1
    return text, len(encoding) + 2


def make_loads(names: Sequence[str], reviews: Sequence[str], count: int, tokenizer: Tokenizer) -> list[Load]:
    """A load for each name: `mix`, or a number of tokens, of which all its texts have exactly as many.

    The same reviews give the same loads: they are drawn in one fixed order.

    Raises:
        ValueError: fewer than `count` reviews are long enough.
    """
    drawn = random.Random(0).sample(list(reviews), len(reviews))
    loads = []
    for name in names:
        limit = LIMIT if name == MIX else int(name)
        texts, tokens = [], []
        for review in drawn:
            text, size = cut(review, limit, tokenizer)
            if text.strip() and (name == MIX or size == limit):
                texts.append(text)
                tokens.append(size)
            if len(texts) == count:
                break
        if len(texts) < count:
            raise ValueError(f"only {len(texts)} texts of {limit} tokens; give more rows, or --count {len(texts)}")
        loads.append(Load(name, texts, tokens))
    return loads


def together(loads: Sequence[Load]) -> Load:
    """All texts of several loads as one, in a random order that is always the same."""
    pairs = [pair for load in loads for pair in zip(load.texts, load.tokens, strict=True)]
    random.Random(0).shuffle(pairs)
    texts, tokens = zip(*pairs, strict=True)
    return Load("mixed", list(texts), list(tokens))
