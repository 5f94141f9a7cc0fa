"""One rule for every program's settings: empty and blank variables are not set, and no other variable is read."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import settings_reference
from pydantic_settings import BaseSettings

from sentiment_cli.lazy import OWN_PACKAGES
from sentiment_common.settings import Settings, environment, variable_of

ROOT = Path(__file__).resolve().parents[2]
BASE = "sentiment_common/settings.py"
STORE = "sentiment_common/object_store.py"
CLASSES = sorted({one for section in settings_reference.SECTIONS for one in section.settings}, key=lambda c: c.__name__)


def trees() -> Iterator[tuple[str, ast.Module]]:
    for package in sorted(OWN_PACKAGES):
        for path in (ROOT / package).rglob("*.py"):
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text("utf-8"))


def raw_reads(tree: ast.AST) -> Iterator[int]:
    """Lines that read a variable past the rule. Passing all of `os.environ` on to a child, and setting a variable for
    a library, read none."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called.endswith(("os.getenv", "environ.get", "environ.pop")):
                yield node.lineno
            if any(keyword.arg in ("envvar", "env_prefix", "env_ignore_empty") for keyword in node.keywords):
                yield node.lineno
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            if ast.unparse(node.value).endswith("os.environ"):
                yield node.lineno
        elif isinstance(node, ast.Compare) and any("os.environ" in ast.unparse(one) for one in node.comparators):
            yield node.lineno


def imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name.split(".")[0], "*") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (((node.module or "").split(".")[0], alias.name) for alias in node.names)


def test_variables_are_read_in_one_place() -> None:
    bad = [f"{name}:{line}" for name, tree in trees() if name != BASE for line in raw_reads(tree)]
    assert bad == [], "read variables by a settings class, or by sentiment_common.settings.environment()"
    assert list(raw_reads(ast.parse("os.getenv('A'); os.environ['A']; 'A' in os.environ; Option(envvar='A')"))) != []


def test_every_settings_class_has_the_one_base() -> None:
    named = [(file, name) for file, tree in trees() for module, name in imported(tree) if module == "pydantic_settings"]
    assert {file for file, name in named if name in ("BaseSettings", "SettingsConfigDict", "*")} == {BASE}
    assert len(CLASSES) > 8
    assert all(issubclass(one, Settings) for one in CLASSES)


def test_stores_are_opened_in_one_place() -> None:
    opened = {file for file, tree in trees() for module, _ in imported(tree) if module in ("fsspec", "s3fs")}
    assert opened == {STORE}, "open it by sentiment_common.object_store.open_store, which sets time-outs"


@pytest.mark.parametrize("settings", CLASSES, ids=lambda one: one.__name__)
@pytest.mark.parametrize("value", ["", " ", "\n"])
def test_an_empty_variable_is_not_set(settings: type[Settings], value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    needed = {name: "http://graph" for name, field in settings.model_fields.items() if field.is_required()}
    variables = [variable_of(name, field) for name, field in settings.model_fields.items() if name not in needed]
    for variable in variables:
        monkeypatch.delenv(variable, raising=False)
    unset = settings(**needed)
    for variable in variables:
        monkeypatch.setenv(variable, value)
    assert settings(**needed) == unset


@pytest.mark.parametrize("settings", CLASSES, ids=lambda one: one.__name__)
def test_no_other_variable_is_read(settings: type[Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    """PORT, HOST or SEED of the surroundings once set MONITOR_PORT, MONITOR_HOST and DRIFT_SEED."""
    documented = {variable_of(name, field) for name, field in settings.model_fields.items()}
    others = {name.upper() for name in settings.model_fields} - documented
    for name in documented | others:
        monkeypatch.delenv(name, raising=False)
    needed = {name: "http://graph" for name, field in settings.model_fields.items() if field.is_required()}
    before = settings(**needed)
    for name in others:
        monkeypatch.setenv(name, "97")
    assert settings(**needed) == before


def test_values_lose_the_blanks_around_them(monkeypatch: pytest.MonkeyPatch) -> None:
    from prediction_log.settings import LogSettings

    monkeypatch.setenv("DATABASE_URL", " postgresql://u:p@h/d\n")
    monkeypatch.setenv("SPILL_URI", "\t")
    assert LogSettings().database_url == "postgresql://u:p@h/d"
    assert "SPILL_URI" not in environment()
    assert LogSettings(database_url="sqlite:///x.db").database_url == "sqlite:///x.db"


def test_capitals_are_not_needed_and_win(monkeypatch: pytest.MonkeyPatch) -> None:
    from prediction_log.settings import LogSettings

    monkeypatch.delenv("SPILL_URI", raising=False)
    monkeypatch.setenv("spill_uri", "s3://small")
    assert LogSettings().spill_uri == "s3://small"
    monkeypatch.setenv("SPILL_URI", "s3://capital")
    assert LogSettings().spill_uri == "s3://capital"


def test_a_bad_variable_of_the_log_s_commands_is_one_line() -> None:
    command = [sys.executable, "-m", "prediction_log", "upgrade"]
    variables = os.environ | {"DATABASE_WAIT_SECONDS": "soon", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=variables)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "error: database_wait_seconds: Input should be a valid number, unable to parse string as a number (given: 'soon')"
    ]


def test_the_base_is_pydantic_s() -> None:
    assert issubclass(Settings, BaseSettings)
