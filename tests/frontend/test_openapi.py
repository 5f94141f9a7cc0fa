"""The documents that the page's types are made from are what the programs say today."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_committed_documents_are_the_programs_own() -> None:
    done = subprocess.run([sys.executable, ROOT / "scripts/openapi.py", "--check"], capture_output=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr.decode()
