"""Text descriptors, text hashes and embedding sketches, which training, server and drift detection share."""

import hashlib
import re
import unicodedata
from functools import lru_cache

import numpy as np
import numpy.typing as npt

SKETCH_SIZE = 64
_SKETCH_SEED = 20_240_229
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,200}>")
_SENTENCE_END = re.compile(r"[.!?\u2026]+(?=\s|$|[\"'\u201d)])")
# `\b(?:no|not|…)\b|n't\b`, but each part starts with a set of letters, so that the search skips others in C.
_NEGATION = re.compile(
    r"[nNcCwW](?:(?<=\b.)(?i:(?<=n)(?:o|ot|one|or|obody|othing|owhere|ever|either)|(?<=c)annot|(?<=w)ithout)"
    r"|(?<=[nN])['\u2019][tT])\b"
)

DESCRIPTORS = (
    "chars",
    "words",
    "mean_word_length",
    "sentences",
    "upper_share",
    "digit_share",
    "punctuation_share",
    "non_ascii_share",
    "html_tags",
    "negations",
    "exclamations",
)


_ASCII = [chr(code) for code in range(128)]
_ASCII_UPPER, _ASCII_DIGITS, _ASCII_WORDS_AND_SPACE = (
    "".join(filter(test, _ASCII)).encode()
    for test in (str.isupper, str.isdigit, lambda char: char.isalnum() or char.isspace())
)


def _counts(text: str) -> tuple[int, int, int]:
    """Count upper-case characters, digits, and characters that are no letter, number or space; in C for ASCII."""
    if text.isascii():
        raw = text.encode()
        without = [len(raw.translate(None, kind)) for kind in (_ASCII_UPPER, _ASCII_DIGITS, _ASCII_WORDS_AND_SPACE)]
        return len(raw) - without[0], len(raw) - without[1], without[2]
    in_words = sum(map(str.isalnum, text)) + sum(map(str.isspace, text))
    return sum(map(str.isupper, text)), sum(map(str.isdigit, text)), len(text) - in_words


def describe(text: str) -> dict[str, float]:
    """Return the descriptors of one text, keyed by `DESCRIPTORS`.

    Shares are of the characters (0 to 1, 0 for an empty text), the mean word length is in characters, and all other
    descriptors are counts.
    """
    chars = len(text)
    words = _WORD.findall(text)
    per_char = 1.0 / chars if chars else 0.0
    letters_in_words = sum(map(len, words))
    upper, digits, punctuation = _counts(text)
    values = (
        chars,
        len(words),
        letters_in_words / len(words) if words else 0.0,
        len(_SENTENCE_END.findall(text)),
        upper * per_char,
        digits * per_char,
        punctuation * per_char,
        (chars - len(text.encode("ascii", "ignore"))) * per_char,
        len(_TAG.findall(text)),
        len(_NEGATION.findall(text)),
        text.count("!"),
    )
    return {name: float(value) for name, value in zip(DESCRIPTORS, values, strict=True)}


def replace_surrogates(text: str) -> str:
    """Replace lone surrogates, which UTF-8 cannot represent, by U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def text_hash(text: str) -> str:
    """Return the hex sha256 of the text in NFC with white space collapsed, equal for copies with another layout."""
    plain = " ".join(unicodedata.normalize("NFC", replace_surrogates(text)).split())
    return hashlib.sha256(plain.encode()).hexdigest()


@lru_cache(maxsize=8)
def _projection(hidden_size: int) -> npt.NDArray[np.float32]:
    rng = np.random.default_rng((_SKETCH_SEED, hidden_size))
    matrix = rng.standard_normal((hidden_size, SKETCH_SIZE)) / np.sqrt(SKETCH_SIZE)
    projection: npt.NDArray[np.float32] = matrix.astype(np.float32)
    return projection


def sketch(embedding: npt.NDArray[np.float32]) -> npt.NDArray[np.float16]:
    """Project embeddings f32[n, h] to f16[n, 64] by a fixed Gaussian matrix.

    Distances keep their expected size (Johnson and Lindenstrauss, 1984), so tests of equal distribution still detect a
    shift of the embedding. The projection depends on the hidden size only.
    """
    projected = embedding @ _projection(embedding.shape[1])
    limit = float(np.finfo(np.float16).max)
    clipped: npt.NDArray[np.float16] = np.clip(projected, -limit, limit).astype(np.float16)
    return clipped
