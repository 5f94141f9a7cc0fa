"""Rendering of the chart by the `helm` program; without it the whole group is skipped."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

CHART = Path(__file__).parents[2] / "charts/sentiment"
Values = dict[str, Any]
Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Refused(Exception):
    """Helm did not render; the message is what it said."""


def helm(*arguments: str, values: Values | None = None) -> str:
    """Standard output of helm, with values from standard input.

    Raises:
        Refused: it ended otherwise than with 0.
    """
    options = ("--values", "-") if values is not None else ()
    done = subprocess.run(
        ["helm", *arguments, *options],
        input=json.dumps(values) if values is not None else None,
        capture_output=True,
        text=True,
        timeout=60,
    )
    if done.returncode:
        raise Refused(done.stderr)
    return done.stdout


def render(values: Values | None = None, *, release: str = "sentiment", show: str | None = None) -> list[Values]:
    """The objects of the chart with these values, hooks among them."""
    only = ("--show-only", show) if show else ()
    text = helm("template", release, str(CHART), "--namespace", "ns", *only, values=values or {})
    return [document for document in yaml.load_all(text, Loader) if document]


@pytest.fixture(scope="session", autouse=True)
def _helm() -> None:
    if shutil.which("helm") is None:
        pytest.skip("helm is not installed: the chart's tests need it (https://helm.sh, version 4)")


@pytest.fixture
def one() -> Callable[[list[Values], str, str], Values]:
    """The object of a kind and a name."""

    def find(objects: list[Values], kind: str, name: str) -> Values:
        (found,) = [each for each in objects if each["kind"] == kind and each["metadata"]["name"] == name]
        return found

    return find
