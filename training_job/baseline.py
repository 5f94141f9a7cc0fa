"""The yardstick: TF-IDF with logistic regression, which any fine-tuned transformer has to beat to be worth its cost."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model_release.manifest import Metric
from training_job import evaluate

RARE_WORDS_FROM = 200  # rows from which words that occur in a single text are left out
REGULARISATION = 10.0  # inverse strength C; weak, because unit-length TF-IDF rows need large weights


@dataclass(frozen=True, slots=True)
class Baseline:
    """What the yardstick reached on the test rows, and its number of features."""

    accuracy: Metric
    f1: Metric
    features: int


def measure_baseline(
    train_texts: Sequence[str],
    train_labels: npt.NDArray[np.integer],
    test_texts: Sequence[str],
    test_labels: npt.NDArray[np.integer],
) -> Baseline:
    """Train on the rows that the model was trained on, test on the rows that it is tested on.

    Words and pairs of words, sublinear term frequency, unit-length rows, L2-regularised logistic regression.

    Raises:
        ValueError: one class only, or no word in any text.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    vectoriser = TfidfVectorizer(
        ngram_range=(1, 2), sublinear_tf=True, min_df=2 if len(train_texts) >= RARE_WORDS_FROM else 1, dtype=np.float32
    )
    model = LogisticRegression(C=REGULARISATION, solver="liblinear", random_state=0)
    model.fit(vectoriser.fit_transform(train_texts), train_labels)
    predicted = model.predict(vectoriser.transform(test_texts))
    counts = evaluate.confusion(test_labels, predicted)
    return Baseline(
        accuracy=evaluate.proportion(counts.true_positive + counts.true_negative, counts.rows),
        f1=evaluate.f1(counts),
        features=len(vectoriser.vocabulary_),
    )
