"""The commit of a manifest: this source's, never that of a repository around an installed copy."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import training_job
from training_job.build import source_commit as module

PROGRAM = "from training_job.build.source_commit import source_commit; print(source_commit())"


def _git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=tests", "-c", "user.email=tests@example.com"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", *identity, "-C", str(folder), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Somebody's repository, with one commit."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    folder = tmp_path / "repository"
    folder.mkdir()
    _git(folder, "init", "-q")
    (folder / "app.py").write_text("pass\n")
    _git(folder, "add", "app.py")
    _git(folder, "commit", "-q", "-m", "Add the app")
    return folder


def _copy(folder: Path) -> Path:
    """The packages' files that the commit needs, in a folder for packages."""
    package = folder / "training_job/build"
    package.mkdir(parents=True)
    shutil.copy(Path(training_job.__file__), package.parent)
    for name in ("__init__.py", "source_commit.py"):
        shutil.copy(Path(module.__file__).with_name(name), package)
    return folder


def _commit_seen_by(packages: Path, **environment: str) -> str:
    variables = os.environ | {"PYTHONPATH": str(packages), "PYTHONDONTWRITEBYTECODE": "1"} | environment
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, env=variables, cwd=packages, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_repository_around_the_virtual_environment_gives_no_commit(repository: Path) -> None:
    packages = _copy(repository / ".venv/lib/python3/site-packages")
    assert _commit_seen_by(packages) == "None"


def test_a_checkout_gives_its_commit_and_reports_changes(repository: Path) -> None:
    packages = _copy(repository / "source")
    _git(repository, "add", "source")
    _git(repository, "commit", "-q", "-m", "Add the source")
    head = _git(repository, "rev-parse", "HEAD")
    assert _commit_seen_by(packages) == head
    with (packages / "training_job/__init__.py").open("a") as stream:
        stream.write("# changed\n")
    assert _commit_seen_by(packages) == f"{head}-dirty"


def test_a_git_hooks_variables_name_no_other_repository(repository: Path, tmp_path: Path) -> None:
    packages = _copy(tmp_path / "installed")
    variables = {"GIT_DIR": str(repository / ".git"), "GIT_WORK_TREE": str(repository)}
    assert _commit_seen_by(packages, **variables) == "None"
