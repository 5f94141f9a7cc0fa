"""The lock pins what pyproject.toml and the conformance kit ask for, and suits every build of torch; actions are pinned too."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]


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
