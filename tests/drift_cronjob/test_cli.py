"""The command: exit codes, messages, and options that override the environment."""

import json
import shutil
from collections.abc import Callable

import pytest
from kit.drift_systems import FOREIGN, LIKE, System

from drift_cronjob.cli import app
from model_release.scoring.features import DESCRIPTORS
from prediction_log import add_feedback
from sentiment_common.console import run


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


def test_exit_codes_and_output(system: System, command: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert command() == 30
    assert "not enough data" in capsys.readouterr().out
    system.log(LIKE)
    assert command("--hours", "2") == 0
    printed = capsys.readouterr().out
    assert "stable" in printed and "report: " in printed and "Embeddings: MMD" in printed
    system.log(FOREIGN)
    assert command("--release", system.release[1][:6], "--json") == 20
    printed = json.loads(capsys.readouterr().out)
    assert (printed["verdict"], printed["exit_code"], printed["rows"]) == ("drift", 20, len(LIKE) + len(FOREIGN))
    assert printed["statistics"][0]["name"] == DESCRIPTORS[0]


def test_with_exit_zero_no_verdict_fails_the_job(
    system: System, command: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("--exit-zero") == 0
    monkeypatch.setenv("RELEASES_URI", str(system.folder / "nothing"))
    assert command("--exit-zero") == 0
    assert "nothing to check: no release of 'sentiment' has been promoted" in capsys.readouterr().out
    assert command() == 2
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:9/nothing")
    assert command("--exit-zero") == 2


def test_exported_feedback_is_an_action_of_the_outcome(
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
    ("words", "message"),
    [
        (("--hours", "0"), "hours: "),
        (("--alpha", "3"), "alpha: "),
        (("--min-rows", "1"), "min_rows: "),
        (("--end", "yesterday"), "end: "),
        (("--end", "2999-01-01"), "is in the future (it is 20"),
        (("--end", "2999-01-01"), "give a time in the past, or leave it out to check until now"),
        (("--release", "ffff"), "'ffff'"),
    ],
)
def test_bad_options_are_one_clear_line(
    command: Callable[..., int], capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str
) -> None:
    assert command(*words) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("error: ") and message in printed and "Traceback" not in printed


def test_a_bad_environment_variable_is_named(
    command: Callable[..., int], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRIFT_ALPHA", "often")
    assert command() == 2
    assert "DRIFT_ALPHA: Input should be a valid number" in capsys.readouterr().err
