"""A whole check: a real release, a real log in SQLite, the report, the exit codes."""

import base64
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from factories import make_release, make_texts

from drift_cronjob.check import DriftOutcome, check
from drift_cronjob.cli import app
from drift_cronjob.errors import DriftError
from drift_cronjob.settings import DriftSettings
from drift_cronjob.verdict import Verdict
from model_release import Manifest, ReleaseCorrupt, ReleaseNotFound, ReleaseStore, Scorer
from model_release.console import run
from model_release.features import DESCRIPTORS, describe, sketch, text_hash
from model_release.reference import REFERENCE
from prediction_log import (
    LogError,
    LogWriter,
    PredictionRecord,
    add_feedback,
    latest_reports,
    new_id,
    upgrade,
)

REFERENCE_ROWS = 400
LIKE, _ = make_texts(250, seed=1)
FOREIGN, _ = make_texts(150, seed=2, words=(60, 90))


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A store and the id of its champion, whose reference has REFERENCE_ROWS rows."""
    uri = str(tmp_path_factory.mktemp("releases"))
    release_id = make_release(uri, rows=REFERENCE_ROWS)
    ReleaseStore(uri).set_champion("sentiment", release_id, who="tests", action="promote")
    return uri, release_id


@pytest.fixture(scope="module")
def scorer(release: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    uri, release_id = release
    return Scorer.load(ReleaseStore(uri).fetch("sentiment", release_id, tmp_path_factory.mktemp("served")), threads=1)


@dataclass
class System:
    """A log of its own for each test, and the settings that go with it."""

    url: str
    folder: Path
    release: tuple[str, str]
    scorer: Scorer

    def log(self, texts: list[str], **changes: object) -> list[tuple[str, str]]:
        """Answer and log texts as the server does, but for the changed columns; (id, label) of each."""
        scores = self.scorer.score(texts)
        sketches = sketch(scores.embedding)
        writer = LogWriter(self.url, self.folder / "spill")
        writer.start()
        logged = []
        for row, text in enumerate(texts):
            label = self.scorer.manifest.labels[scores.label[row]]
            record = PredictionRecord(
                id=new_id(),
                release_id=self.release[1],
                label=label,
                probability=float(scores.probability[row]),
                confidence=float(scores.confidence[row]),
                margin=float(scores.margin[row]),
                tokens=int(scores.tokens[row]),
                truncated=bool(scores.truncated[row]),
                latency_ms=1.0,
                source="v2-rest",
                client=None,
                text=text,
                text_hash=text_hash(text),
                descriptors=describe(text),
                sketch=sketches[row].tobytes(),
            )
            writer.put(replace(record, **changes))
            logged.append((record.id, label))
        writer.close(timeout=30)
        return logged

    def settings(self, **changes: object) -> DriftSettings:
        defaults = {
            "database_url": self.url,
            "releases_uri": self.release[0],
            "report_dir": "none",
            "cache_dir": self.folder / "cache",
            "evidently": False,
            "hours": 1.0,
        }
        return DriftSettings(**(defaults | changes))

    def check(self, *, report: bool = False, **changes: object) -> DriftOutcome:
        return check(self.settings(**(changes | ({"report_dir": str(self.folder / "reports")} if report else {}))))


@pytest.fixture
def system(tmp_path: Path, release: tuple[str, str], scorer: Scorer) -> System:
    url = f"sqlite:///{tmp_path}/predictions.db"
    upgrade(url)
    return System(url, tmp_path, release, scorer)


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.images: list[bytes] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "img":
            kind, _, data = str(found["src"]).partition(",")
            assert kind == "data:image/png;base64"
            self.images.append(base64.b64decode(data))
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
    assert "much longer than in the reference" in text and system.release[1] in text
    assert page.links == []


def test_capitals_alone_are_a_warning(system: System) -> None:
    """The tokenizer lowers all letters, so the model answers as before: side evidence only."""
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


def test_rows_of_other_releases_and_times_are_left_out_and_told(system: System) -> None:
    system.log(LIKE)
    system.log(FOREIGN, release_id="feedfacefeedface")
    outcome = system.check()
    assert (outcome.verdict, outcome.rows) == (Verdict.STABLE, len(LIKE))
    assert any("150 by feedfacefeedface" in note for note in outcome.notes)
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
    assert "Margin" in drawn.read_text(encoding="utf-8")


def test_the_same_window_and_seed_give_the_same_statistics(system: System) -> None:
    system.log(LIKE)
    end = datetime.now(UTC)
    first, second = (system.check(end=end) for _ in range(2))
    assert first.statistics == second.statistics
    assert first.report_path is None


# --- faults -----------------------------------------------------------------------------------------------------------


def refuse_no_champion(system: System) -> DriftSettings:
    return system.settings(releases_uri=str(system.folder / "empty"))


def refuse_unknown_release(system: System) -> DriftSettings:
    return system.settings(release="0000000000000000")


def refuse_no_reference(system: System) -> DriftSettings:
    uri, release_id = system.release
    whole = ReleaseStore(uri).fetch("sentiment", release_id, system.folder / "whole", only=("",))
    manifest = ReleaseStore(uri).manifest("sentiment", release_id)
    bare = Manifest(**(dict(manifest) | {"files": tuple(f for f in manifest.files if f.path != REFERENCE)}))
    bare_id = ReleaseStore(str(system.folder / "bare")).publish(whole, bare)
    return system.settings(releases_uri=str(system.folder / "bare"), release=bare_id)


def refuse_changed_reference(system: System) -> DriftSettings:
    uri = str(system.folder / "damaged")
    release_id = make_release(uri, rows=120, seed=7)
    path = Path(ReleaseStore(uri).uri("sentiment", release_id)) / REFERENCE
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 0xFF
    path.write_bytes(raw)
    return system.settings(releases_uri=uri, release=release_id)


def refuse_unreachable_database(system: System) -> DriftSettings:
    return system.settings(database_url="postgresql://nobody:secret@127.0.0.1:9/nothing")


def refuse_no_tables(system: System) -> DriftSettings:
    return system.settings(database_url=f"sqlite:///{system.folder}/fresh.db")


def refuse_report_dir(system: System) -> DriftSettings:
    (system.folder / "taken").write_text("a file")
    return system.settings(report_dir=str(system.folder / "taken"))


FAULTS: list[tuple[Callable[[System], DriftSettings], type[Exception], str]] = [
    (refuse_no_champion, DriftError, "has been promoted"),
    (refuse_unknown_release, ReleaseNotFound, "0000000000000000"),
    (refuse_no_reference, DriftError, "nothing to compare traffic with"),
    (refuse_changed_reference, ReleaseCorrupt, "reference.parquet"),
    (refuse_unreachable_database, LogError, ""),
    (refuse_no_tables, LogError, ""),
    (refuse_report_dir, DriftError, "the verdict is stable, but the report cannot be written"),
]


@pytest.mark.parametrize(("arrange", "error", "told"), FAULTS, ids=lambda value: getattr(value, "__name__", None))
def test_faults_are_named(
    system: System, arrange: Callable[[System], DriftSettings], error: type[Exception], told: str
) -> None:
    system.log(LIKE)
    settings = arrange(system)
    with pytest.raises(error) as caught:
        check(settings)
    assert told in str(caught.value)
    assert "secret" not in str(caught.value)
    assert getattr(caught.value, "exit_code", None) == 2


def test_the_verdict_is_logged_though_its_report_cannot_be_written(system: System) -> None:
    system.log(LIKE)
    with pytest.raises(DriftError):
        check(refuse_report_dir(system))
    (row,) = latest_reports(system.url, 5)
    assert (row.verdict, row.report_uri) == ("stable", None)


# --- command line -----------------------------------------------------------------------------------------------------


@pytest.fixture
def command(system: System, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """`python -m drift_cronjob …` in this process; its exit code."""
    for name, value in (
        ("DATABASE_URL", system.url),
        ("RELEASES_URI", system.release[0]),
        ("DRIFT_REPORT_DIR", str(system.folder / "reports")),
        ("DRIFT_CACHE_DIR", str(system.folder / "cache")),
    ):
        monkeypatch.setenv(name, value)

    def call(*words: str) -> int:
        with pytest.raises(SystemExit) as end:
            run(lambda: app(["check", "--no-evidently", *words]))
        return int(end.value.code or 0)

    return call


def test_exit_codes_and_words(system: System, command: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert command() == 30
    assert "not enough data" in capsys.readouterr().out
    system.log(LIKE)
    assert command("--hours", "2") == 0
    printed = capsys.readouterr().out
    assert "stable" in printed and "report: " in printed and "Embeddings: MMD" in printed
    system.log(FOREIGN)
    assert command("--release", system.release[1][:6], "--json") == 20
    told = json.loads(capsys.readouterr().out)
    assert (told["verdict"], told["exit_code"], told["rows"]) == ("drift", 20, len(LIKE) + len(FOREIGN))
    assert told["statistics"][0]["name"] == DESCRIPTORS[0]


def test_in_a_job_no_verdict_is_a_failure(
    system: System, command: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("--exit-zero") == 0
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:9/nothing")
    assert command("--exit-zero") == 2


def test_labelled_feedback_is_exported_and_told(
    system: System, command: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    releases = system.folder / "releases"
    shutil.copytree(system.release[0], releases)
    monkeypatch.setenv("RELEASES_URI", str(releases))
    monkeypatch.setenv("DRIFT_FEEDBACK_EXPORT", "true")
    for prediction_id, label in system.log(LIKE)[:5]:
        add_feedback(system.url, prediction_id, label, "tests")
    command("--json", "--exit-zero")
    assert json.loads(capsys.readouterr().out)["actions"] == [
        f"exported 5 labelled texts to {releases}/sentiment/feedback"
    ]
    assert len(list((releases / "sentiment" / "feedback").glob("*.parquet"))) == 1


def test_an_option_overrides_the_environment(
    system: System, command: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    system.log(LIKE)
    monkeypatch.setenv("DRIFT_MIN_ROWS", "1000")
    assert command() == 30
    assert command("--min-rows", "100") == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--hours", "0"), "hours: "),
        (("--alpha", "3"), "alpha: "),
        (("--min-rows", "1"), "min_rows: "),
        (("--end", "yesterday"), "end: "),
        (("--release", "ffff"), "'ffff'"),
    ],
)
def test_bad_options_are_one_clear_line(
    command: Callable[..., int], capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str
) -> None:
    assert command(*words) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("error: ") and told in printed and "Traceback" not in printed


def test_a_bad_environment_variable_is_named(
    command: Callable[..., int], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRIFT_ALPHA", "often")
    assert command() == 2
    assert "DRIFT_ALPHA: Input should be a valid number" in capsys.readouterr().err
