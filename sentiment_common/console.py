"""Run a command-line program so that a user error ends in one clear line, never in a traceback."""

import sys
from collections.abc import Callable

from pydantic import ValidationError
from rich.console import Console
from rich.text import Text

from sentiment_common.addresses import without_password
from sentiment_common.errors import UserError


def settings_error(error: ValidationError) -> str:
    """Return one line per bad setting: its name, what is wrong, the value.

    Passwords in addresses are left out. The value is left out where it is all settings together.
    """
    lines = []
    for detail in error.errors():
        place = ".".join(str(part) for part in detail["loc"])
        name = f"{place}: " if place else ""  # a rule about several settings names them in its message
        message, given = detail["msg"].removeprefix("Value error, "), detail["input"]
        shown = without_password(given) if isinstance(given, str) else given
        lines.append(f"{name}{message}" + ("" if isinstance(given, dict) else f" (given: {shown!r})"))
    return "\n".join(lines)


def run(program: Callable[[], object]) -> None:
    """Call `program`; a UserError is printed as `error: …` and ends with its exit code."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        program()
    except KeyboardInterrupt:
        console.print("interrupted")
        sys.exit(130)
    except ValidationError as error:
        console.print(Text.assemble(("error: ", "bold red"), settings_error(error)))
        sys.exit(2)
    except UserError as error:
        console.print(Text.assemble(("error: ", "bold red"), str(error)))
        sys.exit(error.exit_code)
