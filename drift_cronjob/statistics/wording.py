"""Numbers and differences, in words for readers without statistics."""

from dataclasses import dataclass

import numpy as np

from drift_cronjob.statistics.statistic import FloatArray


def number(value: float) -> str:
    """Format a number with up to three significant digits, or as a whole number from 100."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def percent(share: float) -> str:
    """Format a share as a percentage with about two significant digits."""
    value = 100 * share
    if value == 0 or abs(value) >= 9.95:
        return f"{value:.0f} %"
    return f"{value:.1f} %" if abs(value) >= 0.95 else f"{value:.2g} %"


@dataclass(frozen=True, slots=True)
class Phrase:
    """Wording for a descriptor: `more` or `less` begins a sentence, `unit` follows its number."""

    title: str
    more: str
    less: str
    unit: str = ""
    share: bool = False

    def amount(self, value: float) -> str:
        """Format one of the descriptor's values."""
        return percent(value) if self.share else number(value)

    @property
    def axis(self) -> str:
        """Label for an axis of its values."""
        if self.share:
            return "share of the characters"
        return self.unit if self.unit not in ("", "a text") else f"{self.title.lower().replace('html', 'HTML')} a text"


PHRASES = {
    "chars": Phrase("Characters", "Texts are{} longer", "Texts are{} shorter", "characters"),
    "words": Phrase("Words", "Texts are{} longer", "Texts are{} shorter", "words"),
    "mean_word_length": Phrase("Letters a word", "Words are{} longer", "Words are{} shorter", "letters"),
    "sentences": Phrase("Sentences", "Texts have{} more sentences", "Texts have{} fewer sentences"),
    "upper_share": Phrase(
        "Capitals", "There are{} more capital letters", "There are{} fewer capital letters", share=True
    ),
    "digit_share": Phrase("Digits", "There are{} more digits", "There are{} fewer digits", share=True),
    "punctuation_share": Phrase(
        "Punctuation", "There is{} more punctuation", "There is{} less punctuation", share=True
    ),
    "non_ascii_share": Phrase(
        "Other than ASCII",
        "There are{} more characters outside of ASCII",
        "There are{} fewer characters outside of ASCII",
        share=True,
    ),
    "html_tags": Phrase("HTML tags", "There are{} more HTML tags", "There are{} fewer HTML tags", "a text"),
    "negations": Phrase("Negations", "There are{} more negations", "There are{} fewer negations", "a text"),
    "exclamations": Phrase(
        "Exclamation marks", "There are{} more exclamation marks", "There are{} fewer exclamation marks", "a text"
    ),
}

TITLES = {
    "embedding_classifier": "Embeddings: classifier",
    "embedding_mmd": "Embeddings: MMD",
    "margin": "Margin",
    "confidence": "Confidence",
    "label_share": "Positive answers",
    "feedback_accuracy": "Accuracy by feedback",
    "estimated_accuracy": "Estimated accuracy",
} | {name: phrase.title for name, phrase in PHRASES.items()}


def title(name: str) -> str:
    """The title of a test or descriptor."""
    return TITLES.get(name, name.replace("_", " ").capitalize())


def phrase_of(name: str) -> Phrase:
    """The descriptor's wording, or a general wording for an unknown descriptor."""
    plain = title(name)
    return PHRASES.get(name, Phrase(plain, f"{plain} is{{}} higher", f"{plain} is{{}} lower"))


def middles(name: str, reference: FloatArray, window: FloatArray) -> tuple[str, float, float]:
    """Return "median" with the reference's and the window's median; "mean" with the means if the medians look equal."""
    before, now = float(np.median(reference)), float(np.median(window))
    if phrase_of(name).amount(before) != phrase_of(name).amount(now):
        return "median", before, now
    return "mean", float(reference.mean()), float(window.mean())


def describe_shift(name: str, reference: FloatArray, window: FloatArray, distance: float) -> str:
    """Describe a descriptor's change in one sentence, by its medians or means.

    `distance` is the Kolmogorov-Smirnov distance (0 to 1); it determines the adverb.
    """
    phrase = phrase_of(name)
    degrees = ((0.5, " much"), (0.25, ""), (0.1, " somewhat"), (0.0, " slightly"))
    degree = next(word for least, word in degrees if distance >= least)
    kind, before, now = middles(name, reference, window)
    unit = f" {phrase.unit}" if phrase.unit else ""
    if phrase.amount(before) == phrase.amount(now):
        spread = "spread differently than in the reference" if distance else "spread as in the reference"
        return f"{phrase.title}: {spread}, around the same {phrase.amount(now)}{unit}"
    change = (phrase.more if now > before else phrase.less).format(degree)
    return f"{change} than in the reference: {kind} {phrase.amount(now)}{unit} against {phrase.amount(before)}"
