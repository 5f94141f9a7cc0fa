import re

import pytest

from sentiment_cli.health import grading
from sentiment_cli.health.grading import Grade, Line
from sentiment_cli.settings import REPOSITORY


@pytest.mark.parametrize(
    ("mean", "grade"),
    [(0.81, "green"), (0.80, "yellow"), (0.60, "yellow"), (0.599, "red"), (None, "unknown"), (float("nan"), "unknown")],
)
def test_confidence(mean, grade):
    assert grading.grade_confidence(mean) == grade


@pytest.mark.parametrize(
    ("milliseconds", "grade"),
    [(99.9, "green"), (100, "yellow"), (500, "yellow"), (500.1, "red"), (None, "unknown"), (float("nan"), "unknown")],
)
def test_p95(milliseconds, grade):
    assert grading.grade_p95(milliseconds) == grade


@pytest.mark.parametrize(
    ("errors", "requests", "grade"),
    [(0, 10, "green"), (1, 1000, "yellow"), (1, 100, "yellow"), (2, 100, "red"), (0, 0, "unknown")],
)
def test_errors(errors, requests, grade):
    assert grading.grade_errors(errors, requests) == grade


@pytest.mark.parametrize(
    ("lost", "journal", "up", "grade"),
    [
        (0, 0, True, "green"),
        (0, 3, True, "yellow"),
        (0, 0, False, "yellow"),
        (1, 0, True, "red"),
        (0, 0, None, "unknown"),
    ],
)
def test_log(lost, journal, up, grade):
    assert grading.grade_log(lost=lost, journal_rows=journal, database_up=up) == grade


@pytest.mark.parametrize(
    ("verdict", "grade"),
    [("stable", "green"), ("warning", "yellow"), ("drift", "red"), ("not enough data", "unknown"), (None, "unknown")],
)
def test_verdict(verdict, grade):
    assert grading.grade_verdict(verdict) == grade


def test_the_worst_line_decides_and_what_is_unknown_does_not():
    lines = [Line("a", "1", Grade.GREEN), Line("b", "2", Grade.UNKNOWN)]
    assert grading.worst(lines) is Grade.GREEN
    assert grading.worst([*lines, Line("c", "3", Grade.YELLOW)]) is Grade.YELLOW
    assert grading.worst([*lines, Line("c", "3", Grade.YELLOW), Line("d", "4", Grade.RED)]) is Grade.RED
    assert grading.worst([Line("b", "2", Grade.UNKNOWN)]) is Grade.UNKNOWN
    assert grading.worst([]) is Grade.UNKNOWN


def test_alerts_name_the_worst_first_and_leave_out_what_is_well():
    lines = [
        Line("p95", "200 ms", Grade.YELLOW, "add a replica"),
        Line("predictions", "5", Grade.GREEN),
        Line("server", "down", Grade.RED, "sentiment serve"),
    ]
    assert grading.alerts(lines) == ["server: down -> sentiment serve", "p95: 200 ms -> add a replica"]


def test_every_grade_has_a_word():
    assert set(grading.WORDS) == set(Grade)


def test_label_mix():
    assert grading.label_mix({"positive": 3, "negative": 1}) == "negative 25%, positive 75%"
    assert grading.label_mix({}) == "none"


def test_the_page_grades_by_the_same_thresholds():
    """The page is TypeScript and holds a copy of the thresholds."""
    source = (REPOSITORY / "frontend" / "src" / "lib" / "grading.ts").read_text("utf-8")
    assert f"mean > {grading.CONFIDENCE_GREEN:g} ? " in source and f"mean >= {grading.CONFIDENCE_RED:g} ? " in source
    assert f"value < {grading.P95_GREEN_MS:g} ? " in source and f"value <= {grading.P95_RED_MS:g} ? " in source
    assert f"errors / requests <= {grading.ERROR_SHARE_RED:g} ? " in source
    verdicts = dict(re.findall(r'(stable|warning|drift): "(\w+)"', source))
    assert verdicts == {verdict: grading.grade_verdict(verdict) for verdict in ("stable", "warning", "drift")}
