"""Make docs/reference/commands.md from the command lines: `python scripts/commands_reference.py [--check]`.

`--check` writes nothing and ends with 1 when the page is not what the commands say.
"""

import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from reference_pages import ROOT, cell, code, write_or_compare
from typer.main import get_command

from prediction_log.cli import app as prediction_log_app
from sentiment_cli.app import COMMANDS

PAGE = ROOT / "docs/reference/commands.md"
HEAD = """# Commands

`sentiment COMMAND --help` says the same in the terminal. A mistake of the caller ends a command with exit code 2 and
one line. [Settings](settings.md) has the environment variables behind the options, with their bounds.

This page is made from the commands themselves by `scripts/commands_reference.py`.
"""

_DEFAULT = re.compile(r" *\\?\[(?:default: )?([^\]]+)\]$")  # the backslash keeps Rich from reading it as markup
_SETTING = re.compile(r" \(([A-Z_]+)(?:[;,] (.+?))?\)(?=\.?$)")  # how an option names its variable and default
_KINDS = {int: "whole number", float: "number", bool: "", Path: "path"}


def walk(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    """Yield a command, or each command of a group, with its whole name."""
    if nested := getattr(command, "commands", None):
        for word, inner in nested.items():
            yield from walk(f"{name} {word}", inner)
    else:
        yield name, command


def all_commands() -> Iterator[tuple[str, Any]]:
    """Yield every command with its whole name; a command that also works in a cluster appears twice."""
    for word, lazy in COMMANDS.items():
        yield from walk(f"sentiment {word}", lazy.load())
        for option in lazy.elsewhere:
            yield f"sentiment {word} {option}", lazy.load([option])
    yield from walk("python -m prediction_log", get_command(prediction_log_app))


def _kind(option: Any) -> str:
    """Describe the values of an option in words; empty for a flag."""
    if getattr(option, "is_flag", False):
        return ""
    annotation = option.type_descriptor.annotation
    if choices := get_args(annotation):
        return "one of " + ", ".join(code(choice) for choice in choices)
    return _KINDS.get(annotation, "text")


def _option_row(option: Any) -> str:
    names = ", ".join(code(name) for name in (*option.opts, *option.secondary_opts))
    if option.param_type_name == "argument":
        names = code(option.metavar or option.name.upper())
    help_text = " ".join(str(getattr(option, "help", "") or "").split())
    default = ""
    if stated := _DEFAULT.search(help_text):
        default, help_text = stated[1], _DEFAULT.sub("", help_text)
    elif setting := _SETTING.search(help_text):
        default, help_text = (
            code(setting[2]) if setting[2] else "",
            f"{help_text[: setting.start()]} ({code(setting[1])})",
        )
    elif isinstance(option.show_default, str):
        default = option.show_default
    elif option.show_default and option.default is not None and not isinstance(option.default, bool):
        default = code(option.default)
    return f"| {names} | {cell(_kind(option))} | {cell(default)} | {cell(help_text)} |\n"


def section(name: str, command: Any) -> str:
    """Return a command's heading, description and table of options."""
    text = (command.help or "").replace("\f", "\n")
    lines = [line for part in text.strip().splitlines() for line in textwrap.wrap(part, 120) or [""]]
    rows = [_option_row(option) for option in command.params if not getattr(option, "hidden", False)]
    rows = [row for row in rows if not row.startswith("| `--help` ")]
    table = "| option | value | default | what it is |\n|---|---|---|---|\n" + "".join(rows) if rows else ""
    return f"\n## {name}\n\n" + "\n".join(lines) + (f"\n\n{table}" if table else "\n")


def page() -> str:
    """Return the whole page."""
    return HEAD + "".join(section(name, command) for name, command in all_commands())


if __name__ == "__main__":
    sys.exit(write_or_compare(PAGE, page(), Path(__file__), "--check" in sys.argv[1:]))
