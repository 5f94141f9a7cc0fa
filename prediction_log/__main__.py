"""Run the command line; a person's mistake ends in one line and exit code 2."""

import sys

from rich.console import Console
from rich.text import Text

from prediction_log.cli import app
from prediction_log.errors import LogError

if __name__ == "__main__":
    try:
        app()
    except LogError as error:
        Console(stderr=True, soft_wrap=True).print(Text.assemble(("error: ", "bold red"), str(error)))
        sys.exit(error.exit_code)
