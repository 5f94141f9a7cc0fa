"""The git commit of this package's source."""

import os
import subprocess
from pathlib import Path

_OWN = Path(__file__)


def _git(*arguments: str) -> str | None:
    """Return the output of git in this package's folder; None if git fails or is not installed."""
    # A git hook sets GIT_DIR and similar variables, which name the hook's repository.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-C", str(_OWN.parent), *arguments]
    try:
        answer = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None


def source_commit() -> str | None:
    """Return the commit that this source was checked out from, with `-dirty` if files were changed.

    It is None for an installed package: a repository that contains but does not track the package, such as the one
    around a virtual environment, is not this project's.
    """
    if _git("ls-files", "--error-unmatch", "--", _OWN.name) is None:
        return None
    return _git("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*") or None
