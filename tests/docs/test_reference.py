"""The reference pages agree with the settings and commands, and are complete."""

import ast
import dataclasses
import fnmatch
import re
from collections.abc import Iterator
from pathlib import Path

import commands_reference
import database_reference
import pytest
import settings_reference
from pydantic import Field

from prediction_log import WriterStats
from sentiment_cli.lazy import OWN_PACKAGES
from sentiment_common.settings import Settings

from .fences import ROOT, pages

_SET = "environment()"  # what sentiment_common.settings reads for everybody


@pytest.mark.parametrize("script", [settings_reference, commands_reference, database_reference])
def test_page_is_what_the_code_says(script: object) -> None:
    name = Path(str(script.__file__)).name  # type: ignore[attr-defined]
    page, text = script.PAGE, script.page()  # type: ignore[attr-defined]
    assert page.read_text("utf-8") == text, f"run python scripts/{name}"


def settings_classes() -> Iterator[str]:
    """Return every settings class that the packages define."""
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef) and any(ast.unparse(base).endswith("Settings") for base in node.bases):
                yield node.name


def sources() -> Iterator[Path]:
    for package in sorted(OWN_PACKAGES):
        yield from (ROOT / package).rglob("*.py")


def variables_read() -> Iterator[tuple[str, str]]:
    """Yield (variable, file) of what is read from `environment()` by a literal name."""
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            name: ast.expr | None = None
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                name = node.args[0] if ast.unparse(node.func.value) == _SET else None
            elif isinstance(node, ast.Subscript):
                name = node.slice if ast.unparse(node.value) == _SET else None
            elif isinstance(node, ast.Compare) and ast.unparse(node.comparators[0]) == _SET:
                name = node.left
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield name.value, str(path.relative_to(ROOT))


def test_every_settings_class_is_documented() -> None:
    documented = {one for section in settings_reference.SECTIONS for one in section.settings}
    bases = {base.__name__ for one in documented for base in one.__mro__ if issubclass(base, Settings)}
    assert set(settings_classes()) == bases


def test_every_variable_that_is_read_is_documented() -> None:
    found = dict(variables_read())
    assert {"KUBECONFIG", "HOSTNAME"} <= found.keys(), "the search finds nothing"
    assert {name: where for name, where in found.items() if name not in settings_reference.variables()} == {}


def variables_named() -> Iterator[tuple[str, str]]:
    """Yield (variable, file) of variables that libraries and the environment set, as the code names them."""
    pattern = re.compile(r"\b(?:(?:AWS|HF|MLFLOW|OTEL)_[A-Z0-9_]*[A-Z0-9]|(?:HTTPS?|ALL|NO)_PROXY|PG[A-Z_]{4,})\b")
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                for name in pattern.findall(node.value):
                    yield name, str(path.relative_to(ROOT))


def test_every_variable_that_a_text_names_is_documented() -> None:
    found, documented = dict(variables_named()), settings_reference.variables()
    assert {"MLFLOW_TRACKING_TOKEN", "NO_PROXY", "PGHOST"} <= found.keys(), "the search finds nothing"
    assert {name for name in found if not any(fnmatch.fnmatch(name, each) for each in documented)} == set()


def metrics_declared() -> set[str]:
    """Return the metrics that the programs export, each with the names of its series."""
    literals = {name for path in sources() for name in re.findall(r'"(ml_[a-z_]+)"', path.read_text("utf-8"))}
    names = literals | {f"ml_log_{field.name}" for field in dataclasses.fields(WriterStats)}
    return {name + end for name in names for end in ("", "_total", "_bucket", "_sum", "_count", "_low", "_high")}


def metrics_named(text: str) -> set[str]:
    """Return the metrics that a page names, `ml_(a|b)` and the beginning of a name in `ml_a_*` with them."""
    for group in re.findall(r"ml_\(([a-z_|]+)\)", text):
        text += "".join(f" ml_{name}" for name in group.split("|"))
    return set(re.findall(r"\bml_[a-z_]+\b(?!\()\*?", text))


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_metric_that_a_page_names_is_exported(page: Path) -> None:
    declared = metrics_declared()
    assert {"ml_requests_total", "ml_log_journal_rows", "ml_batch_duration_seconds_bucket"} <= declared
    unknown = metrics_named(page.read_text("utf-8")) - declared
    assert {name for name in unknown if not any(fnmatch.fnmatch(each, name) for each in declared)} == set()


def test_a_setting_without_words_is_refused() -> None:
    class Silent(Settings):
        silent: int = Field(1)

    with pytest.raises(settings_reference.Undocumented, match="silent"):
        list(settings_reference.rows_of(Silent))


def test_bounds_and_defaults_are_put_in_words() -> None:
    class Documented(Settings):
        count: int | None = Field(None, validation_alias="A_COUNT", gt=0, le=9000)
        """How
        many."""
        share: float = Field(0.5, ge=0.01, lt=1000.0)
        """Which part."""
        place: Path = settings_reference.ROOT / "var/x"
        """Where."""
        needed: bool
        """Whether."""

    rows = list(settings_reference.rows_of(Documented))
    assert [tuple(row) for row in rows] == [
        ("A_COUNT", "whole number, > 0, ≤ 9,000", "", "How many."),
        ("SHARE", "number, ≥ 0.01, < 1,000", "`0.5`", "Which part."),
        ("PLACE", "path", "`var/x`", "Where."),
        ("NEEDED", "`true` or `false`", "must be given", "Whether."),
    ]
