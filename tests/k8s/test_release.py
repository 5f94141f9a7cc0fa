"""The release workflow's own commands, run here: what it publishes can be pulled by who installs it."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOW = ROOT / ".github/workflows/release.yml"
VERSION = yaml.safe_load((ROOT / "charts/sentiment/Chart.yaml").read_text("utf-8"))["version"]
_OURS = re.compile(r"image: (\S*sentiment/(?:server|training|drift|mlflow|frontend):\S+)")
# Replacements of programs that would contact other machines. They record their arguments and read their standard input,
# because a writer to a finished program is killed.
_NOTED = """#!/bin/bash
name=$(basename "$0")
[[ "$*" = *--password-stdin* ]] && cat > /dev/null
case "$name $1" in
  "helm push" | "helm registry" | docker* | git* | gh*) echo "$name $*" >> "$NOTES" ;;
  *) exec "$HELM" "$@" ;;
esac
"""

pytestmark = pytest.mark.skipif(shutil.which("helm") is None, reason="helm is not installed: no chart is packed")


def _steps() -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = yaml.safe_load(WORKFLOW.read_text("utf-8"))["jobs"]["publish"]["steps"]
    return [step for step in steps if "run" in step]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A copy of the repository in which the workflow has run for an owner with capitals, and what it would have sent."""
    work = tmp_path_factory.mktemp("release")
    tree, bin_folder, notes, env_file = work / "tree", work / "bin", work / "notes", work / "env"
    tree.mkdir()
    for part in ("charts", "scripts", "Makefile"):
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, tree / part)
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
    if f"## [{VERSION}]" not in changes:
        changes = changes.replace("## [Unreleased]\n", f"## [Unreleased]\n\n## [{VERSION}] - 2026-12-01\n")
    (tree / "CHANGELOG.md").write_text(changes + "\n## [0.0.1] - 2026-01-01\n\n- An earlier version.\n", "utf-8")
    bin_folder.mkdir()
    for name in ("helm", "docker", "git", "gh"):
        (bin_folder / name).write_text(_NOTED)
        (bin_folder / name).chmod(0o755)
    env_file.touch()
    environment = os.environ | {
        "PATH": f"{bin_folder}:{os.environ['PATH']}", "HELM": str(shutil.which("helm")), "NOTES": str(notes),
        "GITHUB_ENV": str(env_file), "GITHUB_REF_NAME": f"v{VERSION}", "GITHUB_REPOSITORY_OWNER": "Some-Body",
        "GITHUB_ACTOR": "somebody", "TOKEN": "t",
    }  # fmt: skip
    for step in _steps():
        set_before = dict(line.split("=", 1) for line in env_file.read_text().splitlines())
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", step["run"]], cwd=tree, env=environment | set_before,
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, f"{step}: {done.stdout}{done.stderr}"
    return tree, notes.read_text().splitlines()


def test_names_are_lower_case(published: tuple[Path, list[str]]) -> None:
    _, sent = published
    assert f"helm push dist/sentiment-{VERSION}.tgz oci://ghcr.io/some-body/charts" in sent
    pushed = {line.split()[-1] for line in sent if line.startswith("docker push")}
    assert f"ghcr.io/some-body/sentiment/server:{VERSION}" in pushed and len(pushed) == 5


def test_the_published_chart_pulls_the_published_images(published: tuple[Path, list[str]]) -> None:
    tree, sent = published
    pushed = {line.split()[-1] for line in sent if line.startswith("docker push")}
    rendered = subprocess.run(
        ["helm", "template", "s", str(tree / f"dist/sentiment-{VERSION}.tgz")],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert set(_OURS.findall(rendered)) == pushed


def test_the_notes_are_the_versions_section_of_the_changelog(published: tuple[Path, list[str]]) -> None:
    tree, sent = published
    assert f"gh release create v{VERSION} --verify-tag --title v{VERSION} --notes-file notes.md" in sent
    notes = (tree / "notes.md").read_text("utf-8")
    assert "### Added" in notes and "## [" not in notes and "An earlier version." not in notes


def test_a_version_without_a_section_ends_the_release() -> None:
    command = [ROOT / "scripts/release_notes.sh", "9.9.9"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and 'CHANGELOG.md has no entries under "## [9.9.9]"' in done.stderr
