"""The git commit of this package's own source."""

import os
import subprocess
from pathlib import Path

_OWN = Path(__file__)


def _git(*arguments: str) -> str | None:
    """Output of git in this package's folder; None where it fails or is missing."""
    # A git hook sets GIT_DIR and its kind, which name the repository of the hook.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-C", str(_OWN.parent), *arguments]
    try:
        answer = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None


def source_commit() -> str | None:
    """The commit that this source was checked out from, with `-dirty` where files were changed.

    None for an installed package: a repository that the package lies in without being tracked, such as one with the
    virtual environment in it, is somebody else's.
    """
    if _git("ls-files", "--error-unmatch", "--", _OWN.name) is None:
        return None
    return _git("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*") or None
