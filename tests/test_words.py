"""The word list of `make lint`: a refused sentence is found with its line, a good one passes."""

import pytest
from words import hits, phrases


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("a.py", '"""A module."""\nsaid = read()\n', 'a.py:2: "said": software reports, returns, raises, logs'),
        ("a.md", "# A page\n\nThe program goes\non.\n", 'a.md:3: "goes on": continues, resumes'),
        ("a.yaml", "# it is taken\n# up later\n", 'a.yaml:1: "taken # up": resume, load, use'),
        ("a.py", 'def it_was_told() -> None:\n    """What it does."""\n', 'a.py:1: "told": software reports'),
        ("a.py", '"""Who may call."""\n', 'a.py:1: "Who": begin with a verb phrase'),
        ("a.tsx", "<p>The loss is no number.</p>", 'a.tsx:1: "is no number": is not a …'),
    ],
)
def test_refused_phrases_are_found(name: str, text: str, found: str) -> None:
    messages = list(hits(text, name, phrases()))
    assert any(message.startswith(found) for message in messages), messages


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "a.py",
            '"""Add `done` finished rows to the current stage."""\nmessage = None\nif message is None:\n    ...\n',
        ),
        ("a.md", "What the figures mean: the training loss became NaN. The program resumes."),
        ("a.yaml", "# The replica retries automatically; its own folder holds the journal.\n"),
    ],
)
def test_good_sentences_pass(name: str, text: str) -> None:
    assert not list(hits(text, name, phrases()))
