"""The decision records: their form, their index, and the files that they name."""

import re
from pathlib import Path

import pytest

from .fences import ROOT

FOLDER = ROOT / "docs/decisions"
RECORDS = sorted(FOLDER.glob("[0-9]*.md"))
HEADINGS = ["Context", "Decision", "Consequences", "How to measure it again"]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stem)
def test_a_record_has_its_sections_and_names_files_that_exist(record: Path) -> None:
    text = record.read_text("utf-8")
    assert text.startswith(f"# {record.name[:4]}: ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS
    named = re.findall(r"`([\w./-]+/[\w.-]+\.(?:py|sh|yaml))`", text)
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_records_are_numbered_without_gaps_and_listed() -> None:
    assert [int(record.name[:4]) for record in RECORDS] == list(range(1, len(RECORDS) + 1))
    for page in (FOLDER / "index.md", ROOT / "docs/architecture.md"):
        text = page.read_text("utf-8")
        assert [record.name for record in RECORDS if record.name not in text] == [], page
