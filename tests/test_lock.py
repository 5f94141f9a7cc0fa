"""Imports are declared, declarations are locked, the lock suits every build of torch, and actions are pinned."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
# Package → extras whose users run it.
EXTRAS = {
    "sentiment_common": ("log", "serve", "otel", "train", "drift"),
    "model_release": ("train", "drift"),
    "prediction_log": ("log",),
    "training_job": ("train", "log"),
    "model_server": ("serve", "otel", "torch"),
    "drift_cronjob": ("drift",),
    "sentiment_cli": ("serve", "train", "drift"),
}
# Modules that do not have their distribution's name.
DISTRIBUTIONS = {
    "google.protobuf": "protobuf",
    "grpc": "grpcio",
    "grpc_health": "grpcio-health-checking",
    "grpc_reflection": "grpcio-reflection",
    "markdown_it": "markdown-it-py",
    "opentelemetry": "opentelemetry-api",
    "opentelemetry.exporter": "opentelemetry-exporter-otlp-proto-http",
    "opentelemetry.sdk": "opentelemetry-sdk",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}


def requirements(lines: Iterator[str] | list[str]) -> Iterator[Requirement]:
    for line in lines:
        if line.strip() and not line.lstrip().startswith("#"):
            yield Requirement(line)


def pins(name: str) -> dict[str, list[str]]:
    """Return the locked versions of each package in a file of lock/."""
    found: dict[str, list[str]] = {}
    for pin in requirements((ROOT / "lock" / name).read_text("utf-8").splitlines()):
        (version,) = (specifier.version for specifier in pin.specifier)
        found.setdefault(canonicalize_name(pin.name), []).append(version)
    return found


def of_the_project() -> Iterator[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = (line for lines in project["optional-dependencies"].values() for line in lines)
    for requirement in requirements([*project["dependencies"], *extras]):
        if requirement.name != project["name"]:
            yield requirement


def declared(extras: tuple[str, ...]) -> set[str]:
    """Return the distributions that pyproject.toml names for an installation with these extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    found, waiting = set(), [*project["dependencies"], f"{project['name']}[{','.join(extras)}]"]
    while waiting:
        requirement = Requirement(waiting.pop())
        if requirement.name == project["name"]:
            waiting += [line for extra in requirement.extras for line in project["optional-dependencies"][extra]]
        else:
            found.add(canonicalize_name(requirement.name))
    return found


def imported(package: str) -> Iterator[tuple[str, str]]:
    """Yield each import of another project's module: its place and the distribution that the module belongs to."""
    for path in sorted((ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            else:
                continue
            for parts in (name.split(".") for name in names):
                if parts[0] not in EXTRAS and parts[0] not in sys.stdlib_module_names:
                    known = (DISTRIBUTIONS.get(".".join(parts[:size])) for size in (2, 1))
                    yield (
                        f"{path.relative_to(ROOT)}:{node.lineno}",
                        canonicalize_name(next(filter(None, known), parts[0])),
                    )


@pytest.mark.parametrize("package", EXTRAS)
def test_every_import_is_declared_in_the_extras_of_its_package(package: str) -> None:
    known = declared(EXTRAS[package])
    undeclared = [f"{place}: {name}" for place, name in imported(package) if name not in known]
    assert not undeclared, f"add these to pyproject.toml: {undeclared}"


@pytest.mark.parametrize(
    ("lock", "asked"),
    [
        ("constraints.txt", list(of_the_project())),
        (
            "conformance.txt",
            list(requirements((ROOT / "tests/conformance/requirements.txt").read_text("utf-8").splitlines())),
        ),
    ],
    ids=["project", "conformance"],
)
def test_every_requirement_is_pinned_within_its_bounds(lock: str, asked: list[Requirement]) -> None:
    locked = pins(lock)
    assert asked
    for requirement in asked:
        versions = locked[canonicalize_name(requirement.name)]
        assert all(requirement.specifier.contains(version) for version in versions), f"{requirement}: run `make lock`"


def test_no_build_of_torch_is_preferred() -> None:
    locked = pins("constraints.txt")
    assert "+" not in locked["torch"][0], "a local version such as +cpu is not on the package index"
    assert not [name for name in locked if name.startswith(("nvidia-", "cuda-")) or name == "triton"]


def test_actions_are_pinned_by_commit_with_their_version() -> None:
    used = [
        line.strip().removeprefix("- ")
        for workflow in (ROOT / ".github/workflows").glob("*.yml")
        for line in workflow.read_text("utf-8").splitlines()
        if "uses:" in line
    ]
    assert used
    assert [line for line in used if not re.fullmatch(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)] == []
