"""Helpers of the scripts that make reference pages."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # the packages of this checkout, whichever is installed


def code(text: object) -> str:
    """Format inline code."""
    return f"`{text}`"


def cell(text: str) -> str:
    """Escape text for a table's cell."""
    return " ".join(text.split()).replace("|", "\\|")


def write_or_compare(page: Path, text: str, script: Path, check: bool) -> int:
    """Write a page, or compare it with what would be written; return the exit code."""
    if not check:
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text, "utf-8")
        return 0
    if page.is_file() and page.read_text("utf-8") == text:
        return 0
    name = script.resolve().relative_to(ROOT)
    sys.stderr.write(f"{page} differs from the code; run python {name}\n")
    return 1
