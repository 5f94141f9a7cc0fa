"""Titles of the report's pictures: the sentences of the tests."""

from drift_cronjob.report import titles
from drift_cronjob.statistics.statistic import Statistic
from drift_cronjob.statistics.wording import phrase_of


def _statistic(name: str, note: str, effect: float = 0.5, p_value: float = 0.001) -> Statistic:
    return Statistic(name, "data", 0.5, p_value, effect, 100, 100, note, effect_floor=0.1, threshold=0.05)


def test_a_picture_is_titled_by_its_test_s_sentence() -> None:
    statistics = [
        _statistic("margin", "Margins lie lower"),
        _statistic("confidence", "Less sure"),
        _statistic("embedding_mmd", "Far apart"),
        _statistic("label_share", "37 % positive"),
        _statistic("estimated_accuracy", "70 % by confidence"),
    ]
    assert titles.scores_title(statistics) == "Margins lie lower. Less sure"
    assert titles.embeddings_title(statistics) == "Far apart"
    assert titles.traffic_title(statistics) == "37 % positive"
    assert titles.accuracy_title(statistics) == "70 % by confidence"
    assert titles.accuracy_title([*statistics, _statistic("feedback_accuracy", "60 % by labels")]) == "60 % by labels"
    assert (
        titles.embeddings_title([*statistics, _statistic("embedding_classifier", "Distinguished")]) == "Distinguished"
    )


def test_a_difference_within_chance_is_marked() -> None:
    by_chance = _statistic("margin", "The margins have a median of 0.5", p_value=0.4)
    title = titles.scores_title([by_chance, _statistic("confidence", "Less sure")])
    assert title == "Within chance: the margins have a median of 0.5. Less sure"


def test_descriptors_are_counted_where_they_matter() -> None:
    names = ("words", "chars", "html_tags")
    words = _statistic("words", "Texts are shorter", effect=0.9)
    chars = _statistic("chars", "Shorter by characters", effect=0.2)
    small, chance = _statistic("html_tags", "", effect=0.05), _statistic("html_tags", "", p_value=0.4)
    other = _statistic("margin", "Not a descriptor", effect=5)
    for quiet in (small, chance):
        title = titles.descriptors_title([chars, words, quiet, other], names)
        assert title == "2 of 3 descriptors of the texts changed enough to matter. Largest change: Texts are shorter"
        assert titles.descriptors_title([quiet], names).startswith("None of 1 descriptors")


def test_without_a_test_a_title_names_the_subject() -> None:
    assert titles.scores_title([]) == "Margins and confidences of reference and window"
    assert titles.descriptors_title([], ("words",)) == "Descriptors of the texts of reference and window"


def test_an_axis_says_what_it_counts() -> None:
    assert phrase_of("words").axis == "words"
    assert phrase_of("digit_share").axis == "share of the characters"
    assert phrase_of("html_tags").axis == "HTML tags a text"
