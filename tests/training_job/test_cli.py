"""The command line: what it offers, what it prints, and how a mistake ends."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from model_release import ReleaseStore
from sentiment_common.console import run
from sentiment_common.settings import Settings
from training_job.cli import app
from training_job.settings import PromotionSettings, SearchSettings, TrainSettings

ROOT = Path(__file__).resolve().parents[2]
OF_A_RELEASE = ("work-dir", "checkpoint-dir", "checkpoint-steps", "auto-promote", "git-commit", "optimize")


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in (*TrainSettings.model_fields.values(), *PromotionSettings.model_fields.values()):
        monkeypatch.delenv(str(field.validation_alias), raising=False)


@pytest.mark.parametrize(("command", "settings"), [("train", TrainSettings), ("search", SearchSettings)])
def test_help_names_every_setting_with_its_variable(command: str, settings: type[Settings]) -> None:
    shown = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "250", "TERM": "dumb"}).output
    for field in settings.model_fields.values():
        assert str(field.validation_alias) in shown
    for option in ("--mode", "--train", "--test", "--base", "--max-tokens", "--n-trials"):
        assert f"{option} " in shown or f"{option}\n" in shown or f"{option}," in shown or option in shown.split()


def test_promotion_offers_its_settings() -> None:
    shown = CliRunner().invoke(app, ["promote", "--help"], env={"COLUMNS": "250", "TERM": "dumb"}).output
    for field in PromotionSettings.model_fields.values():
        assert str(field.validation_alias) in shown


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (("train", "--train", "gone.csv"), {}, "error: gone.csv does not exist"),
        (("train", "--train", "one.csv"), {}, "error: one.csv has no column 'label'"),
        (("search", "--train", "one.csv"), {}, "error: one.csv has no column 'label'"),
        (("train",), {"EPOCHS": "-1"}, "error: EPOCHS: Input should be greater than 0 (given: '-1')"),
        (("train", "--base", "./no"), {"TRAIN_DATA": "two.csv"}, "error: the base model's folder ./no does not exist"),
        (("train", "--mode", "fast"), {}, "'fast' is not one of"),
        (("promote", "abcd"), {}, "has no releases in var/releases; train one first"),
        (("rollback",), {}, "has no champion in var/releases"),
        (("publish", "var", "--model-name", "other"), {}, "No such option: --model-name"),
        *((("search", f"--{name}", "1"), {}, f"No such option: --{name}") for name in OF_A_RELEASE),
    ],
)
def test_a_mistake_ends_with_two_and_one_line(
    arguments: tuple[str, ...],
    environment: dict[str, str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "one.csv").write_text("text\ngood\nbad\n")
    (tmp_path / "two.csv").write_text("text,label\n" + "".join(f"row {index},{index % 2}\n" for index in range(60)))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["training_job", *arguments])
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        run(app)
    assert ended.value.code == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_the_program_runs_as_a_module(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "training_job", "train", "--train", "gone.csv"]
    variables = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and "error: gone.csv does not exist" in done.stderr
    assert "Traceback" not in done.stderr


def test_promote_and_rollback_move_the_champion(tiny_release: tuple[str, str], tmp_path: Path) -> None:
    from kit.factories import make_release

    uri = str(tmp_path / "releases")
    first, second = make_release(uri, rows=40), make_release(uri, rows=40, seed=1)
    variables = {"RELEASES_URI": uri, "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db", "PROMOTED_BY": "ada"}

    def call(*arguments: str) -> str:
        result = CliRunner().invoke(app, list(arguments), env=variables, catch_exceptions=False)
        assert result.exit_code == 0
        return " ".join(result.stdout.split())

    store = ReleaseStore(uri)
    assert f"{first} is now the champion" in call("promote", first[:6])
    assert f"{second} is now the champion" in call("promote", second, "--who", "grace")
    assert "was already the champion" in call("promote", second)
    assert "version 2 has the alias champion" in call("promote", second)
    assert f"{first} is now the champion" in call("rollback")
    assert [(entry["id"], entry["who"]) for entry in store.audit("sentiment")] == [
        (first, "ada"),
        (second, "grace"),
        (first, "ada"),
    ]
    champion = store.champion("sentiment")
    assert champion is not None and champion.id == first
