"""A whole check: a real release, a real log in SQLite, the report."""

import base64
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

from kit.drift_systems import FOREIGN, LIKE, System

from drift_cronjob.statistics.verdict import Verdict
from model_release.scoring.features import DESCRIPTORS
from prediction_log import add_feedback, latest_reports


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.images: list[bytes] = []
        self.titles: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        assert tag not in ("script", "link", "iframe", "object")  # the page opens offline
        assert "src" not in found or tag == "img"
        if tag == "img":
            kind, _, data = str(found["src"]).partition(",")
            assert kind == "data:image/png;base64"
            self.images.append(base64.b64decode(data))
            self.titles.append(str(found["alt"]))
        elif tag == "a":
            self.links.append(str(found["href"]))
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def read_page(path: str | None) -> tuple[_Page, str]:
    assert path is not None
    text = Path(path).read_text(encoding="utf-8")
    page = _Page()
    page.feed(text)
    page.close()
    assert page.open == []
    assert not re.search(r"url\(|@import", text)
    assert all(image.startswith(b"\x89PNG") and len(image) > 3_000 for image in page.images)
    return page, text


def test_like_traffic_is_stable(system: System) -> None:
    system.log(LIKE)
    outcome = system.check()
    assert (outcome.verdict, outcome.exit_code) == (Verdict.STABLE, 0)
    assert outcome.release_id == system.release[1]
    assert (outcome.rows, outcome.texts) == (len(LIKE), len(LIKE))
    assert {s.name for s in outcome.statistics} >= {*DESCRIPTORS, "embedding_mmd", "margin", "label_share"}
    assert any("true labels" in note for note in outcome.notes)


def test_foreign_traffic_is_drift_with_report_and_row(system: System) -> None:
    system.log(FOREIGN)
    outcome = system.check(report=True)
    assert (outcome.verdict, outcome.exit_code) == (Verdict.DRIFT, 20)
    assert outcome.reason.startswith("Texts are much longer than in the reference: median 7")
    (row,) = latest_reports(system.url, 5)
    assert (row.verdict, row.reason, row.rows) == ("drift", outcome.reason, len(FOREIGN))
    assert row.report_uri == outcome.report_path
    assert row.release_id == system.release[1]
    assert len(row.statistics) == len(outcome.statistics)
    assert row.statistics[0]["p_value"] == outcome.statistics[0].p_value
    page, text = read_page(outcome.report_path)
    assert len(page.images) == 5
    notes = {s.name: s.note.lower() for s in outcome.statistics}
    titles = [title.lower().replace("within chance: ", "") for title in page.titles]
    assert titles[0] == f"{notes['margin']}. {notes['confidence']}"
    assert titles[1].partition("largest change: ")[2] in {notes[name] for name in DESCRIPTORS}
    assert titles[2:] == [notes[name] for name in ("embedding_classifier", "label_share", "estimated_accuracy")]
    assert "much longer than in the reference" in text and system.release[1] in text
    assert page.links == []


def test_capitals_alone_are_a_warning(system: System) -> None:
    """The tokenizer lowercases all letters, so the model answers as before: side evidence only."""
    system.log([text.upper() for text in LIKE])
    outcome = system.check()
    assert (outcome.verdict, outcome.exit_code) == (Verdict.WARNING, 10)
    assert "more capital letters" in outcome.reason


def test_wrong_answers_by_feedback_are_drift(system: System) -> None:
    for prediction_id, label in system.log(LIKE)[:60]:
        add_feedback(system.url, prediction_id, "negative" if label == "positive" else "positive", "tests")
    outcome = system.check()
    assert outcome.verdict is Verdict.DRIFT
    assert outcome.reason.startswith("By 60 true labels sent back, 0 % of the answers are right")


def test_few_rows_and_repeated_texts_are_not_enough(system: System) -> None:
    outcome = system.check(report=True)
    assert (outcome.verdict, outcome.exit_code, outcome.rows) == (Verdict.NOT_ENOUGH_DATA, 30, 0)
    read_page(outcome.report_path)
    system.log(LIKE[:40] * 4)
    outcome = system.check(report=True)
    assert (outcome.verdict, outcome.rows, outcome.texts) == (Verdict.NOT_ENOUGH_DATA, 160, 40)
    assert outcome.reason.startswith("40 different texts in the window, at least 100 are needed")
    assert len(read_page(outcome.report_path)[0].images) == 5
    assert system.check(count_repeats=True).verdict is not Verdict.NOT_ENOUGH_DATA
    assert [row.verdict for row in latest_reports(system.url, 2)][1] == "not enough data"


def test_rows_of_other_releases_are_left_out_with_a_note(system: System) -> None:
    system.log(LIKE)
    system.log(FOREIGN, release_id="feedfacefeedface")
    system.log(FOREIGN[:20], release_id="cafecafecafecafe")
    (Path(system.release[0]) / "sentiment/releases/feedfacefeedface").mkdir(exist_ok=True)
    outcome = system.check()
    assert (outcome.verdict, outcome.rows) == (Verdict.STABLE, len(LIKE))
    assert any("150 by feedfacefeedface" in note for note in outcome.notes)
    assert any(note.startswith("20 rows of this window belong to releases") for note in outcome.notes)
    past = system.check(end=datetime.now(UTC) - timedelta(hours=5), hours=2)
    assert (past.verdict, past.rows) == (Verdict.NOT_ENOUGH_DATA, 0)


def test_a_large_window_is_sampled(system: System) -> None:
    system.log(LIKE)
    outcome = system.check(max_rows=120)
    assert (outcome.rows, outcome.texts) == (len(LIKE), 120)
    assert any("random sample of 120" in note for note in outcome.notes)


def test_a_log_without_texts_still_has_its_scores(system: System) -> None:
    """LOG_TEXT=hash drops texts; rows logged by hand may lack descriptors and sketches as well."""
    system.log(LIKE, text=None, text_hash=None, descriptors=None, sketch=None, source="v1")
    outcome = system.check(report=True)
    assert [s.name for s in outcome.statistics] == ["margin", "confidence", "estimated_accuracy", "label_share"]
    assert sum("fewer than 100 rows" in note for note in outcome.notes) == 2
    assert len(read_page(outcome.report_path)[0].images) == 3


def test_evidently_draws_a_page_beside_the_report(system: System) -> None:
    system.log(FOREIGN)
    outcome = system.check(report=True, evidently=True)
    page, _ = read_page(outcome.report_path)
    (link,) = page.links
    drawn = Path(str(outcome.report_path)).with_name(link)
    assert drawn.stat().st_size > 100_000
    text = drawn.read_text(encoding="utf-8")
    assert "Margin" in text
    assert not re.search(r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)\s*=\s*[\"']?(?:https?:)?//", text)


def test_the_same_window_and_seed_give_the_same_statistics(system: System) -> None:
    system.log(LIKE)
    end = datetime.now(UTC)
    first, second = (system.check(end=end) for _ in range(2))
    assert first.statistics == second.statistics
    assert first.report_path is None
