"""Settings come from the environment, options go before it, and a bad value is named."""

import inspect

import pytest
import typer
from pydantic import ValidationError
from typer.testing import CliRunner

from sentiment_common.console import settings_error
from training_job.fit.bases import Base
from training_job.fit.prepare import recipe_of
from training_job.options import with_settings
from training_job.settings import MODES, PromotionSettings, TrainSettings


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for settings_class in (TrainSettings, PromotionSettings):
        for field in settings_class.model_fields.values():
            monkeypatch.delenv(str(field.validation_alias), raising=False)


def test_the_mode_sets_rows_and_passes_unless_they_are_given() -> None:
    assert [(TrainSettings(mode=mode).rows, TrainSettings(mode=mode).passes) for mode in MODES] == [
        (1000, 1),
        (5000, 3),
        (None, 3),
    ]
    given = TrainSettings(mode="full", train_rows=70, epochs=0.5)
    assert (given.rows, given.passes) == (70, 0.5)


def test_every_field_is_an_environment_variable_and_says_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, field in TrainSettings.model_fields.items():
        assert str(field.validation_alias).isupper(), name
        assert field.description, name
    monkeypatch.setenv("TRAIN_MODE", "optimized")
    monkeypatch.setenv("BASE_MODEL", "minilm")
    monkeypatch.setenv("MAX_TOKENS", "256")
    monkeypatch.setenv("OPTIMIZE", "true")
    settings = TrainSettings()
    assert (settings.mode, settings.base_model, settings.max_tokens, settings.optimize) == (
        "optimized",
        "minilm",
        256,
        True,
    )
    assert TrainSettings(max_tokens=64).max_tokens == 64


def test_a_blank_variable_is_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_DATA", "")
    monkeypatch.setenv("EPOCHS", "")
    assert TrainSettings().test_data is None
    assert TrainSettings().epochs is None
    assert TrainSettings(test_data="  ").test_data is None


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("EPOCHS", "0"),
        ("EPOCHS", "many"),
        ("BATCH_SIZE", "-1"),
        ("MAX_TOKENS", "513"),
        ("LEARNING_RATE", "nan"),
        ("TRAIN_MODE", "fast"),
        ("PRECISION", "int8"),
        ("MODEL_NAME", "Bad Name"),
        ("WARMUP_SHARE", "1"),
        ("N_TRIALS", "0"),
    ],
)
def test_a_bad_value_names_its_variable(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ValidationError) as caught:
        TrainSettings()
    message = settings_error(caught.value)
    assert message.startswith(f"{variable}: ") and value in message


def test_the_same_file_cannot_train_and_measure() -> None:
    with pytest.raises(ValidationError, match=r"same file 'a\.csv'; unset TEST_DATA"):
        TrainSettings(train_data="a.csv", test_data="a.csv")
    assert TrainSettings(train_data="hub:o/n", test_data="hub:o/n").test_data == "hub:o/n"


def test_passwords_are_not_published() -> None:
    public = TrainSettings(mlflow_tracking_uri="http://me:secret@host:5000").public()
    assert "secret" not in str(public) and public["mlflow_tracking_uri"] == "http://…@host:5000"
    assert set(public) == set(TrainSettings.model_fields)


def test_promotion_may_do_without_mlflow() -> None:
    assert PromotionSettings(mlflow_tracking_uri="none").registry_uri is None
    assert PromotionSettings().registry_uri == "sqlite:///var/mlflow.db"
    assert PromotionSettings().who


def test_options_are_made_of_the_fields_and_go_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[TrainSettings] = []

    @with_settings(TrainSettings)
    def command(settings: TrainSettings) -> None:
        seen.append(settings)

    assert set(inspect.signature(command).parameters) == set(TrainSettings.model_fields)
    app = typer.Typer()
    app.command()(command)
    monkeypatch.setenv("EPOCHS", "7")
    monkeypatch.setenv("BATCH_SIZE", "4")
    arguments = ["--train", "a.csv", "--test", "b.csv", "--base", "scratch", "--epochs", "2", "--no-optimize"]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    assert (seen[0].train_data, seen[0].test_data, seen[0].base_model) == ("a.csv", "b.csv", "scratch")
    assert (seen[0].epochs, seen[0].batch_size, seen[0].optimize) == (2, 4, False)
    assert "epochs" in seen[0].model_fields_set and "learning_rate" not in seen[0].model_fields_set
    assert CliRunner().invoke(app, ["--batch-size", "x"]).exit_code == 2


@pytest.mark.parametrize(("mode", "given", "rate"), [("quick", None, 2e-4), ("full", None, 1e-4), ("full", 3e-4, 3e-4)])
def test_the_longer_modes_learn_at_half_the_bases_rate_unless_one_is_given(mode, given, rate) -> None:
    base = Base("any", model=None, tokenizer=None, learning_rate=2e-4)  # type: ignore[arg-type]
    assert recipe_of(TrainSettings(mode=mode, learning_rate=given), base).learning_rate == pytest.approx(rate)
