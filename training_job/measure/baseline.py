"""The baseline: TF-IDF with logistic regression, which a fine-tuned transformer must beat to be worth its cost."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sentiment_common.intervals import Interval, wilson
from training_job.measure import evaluate

RARE_WORDS_FROM = 200  # rows from which on words that occur in a single text are dropped
# Scripts without blanks between words: Thai and Lao, Burmese, Khmer, Japanese, Chinese.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
UNSPACED_FROM = 0.2  # share of the characters from which on words would be whole clauses
WORDS, CHARACTERS = "words and word pairs", "characters and runs of two and three"
REGULARISATION = 10.0  # inverse strength C; weak, because unit-length TF-IDF rows need large weights


@dataclass(frozen=True, slots=True)
class Baseline:
    """Figures of the baseline on the test rows, and the number and kind of its features."""

    accuracy: Interval
    f1: Interval
    features: int
    kind: str = WORDS


def _unspaced_share(texts: Sequence[str]) -> float:
    """Return the share of characters of scripts without blanks between words."""
    found = sum(0 if text.isascii() else len(_UNSPACED.findall(text)) for text in texts)
    return found / max(1, sum(map(len, texts)))


def _vectoriser(kind: str, rows: int) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    form: dict[str, Any] = (
        {"analyzer": "char", "ngram_range": (1, 3)} if kind == CHARACTERS else {"ngram_range": (1, 2)}
    )
    return TfidfVectorizer(sublinear_tf=True, min_df=2 if rows >= RARE_WORDS_FROM else 1, dtype=np.float32, **form)


def _features(texts: Sequence[str]) -> tuple[str, Any, Any]:
    """Choose the features that suit the texts; return their kind, the fitted vectoriser, and the texts' rows."""
    if _unspaced_share(texts) < UNSPACED_FROM:
        try:
            words = _vectoriser(WORDS, len(texts))
            return WORDS, words, words.fit_transform(texts)
        except ValueError:  # no word of two letters occurs twice: emoji, single letters, numbers
            pass
    characters = _vectoriser(CHARACTERS, len(texts))
    return CHARACTERS, characters, characters.fit_transform(texts)


def measure_baseline(
    train_texts: Sequence[str],
    train_labels: npt.NDArray[np.integer],
    test_texts: Sequence[str],
    test_labels: npt.NDArray[np.integer],
) -> Baseline:
    """Train and test the baseline on the rows of the model.

    Its features are words and pairs of words, or characters in scripts without blanks, with sublinear term frequency
    and unit-length rows; the classifier is L2-regularised logistic regression.

    Raises:
        ValueError: one class only, or no character occurs twice.
    """
    from sklearn.linear_model import LogisticRegression

    kind, vectoriser, rows = _features(train_texts)
    model = LogisticRegression(C=REGULARISATION, solver="liblinear", random_state=0)
    model.fit(rows, train_labels)
    predicted = model.predict(vectoriser.transform(test_texts))
    counts = evaluate.confusion(test_labels, predicted)
    return Baseline(
        accuracy=wilson(counts.true_positive + counts.true_negative, counts.rows),
        f1=evaluate.f1(counts),
        features=len(vectoriser.vocabulary_),
        kind=kind,
    )
