"""Errors that a person can fix."""


class UserError(Exception):
    """Base of every program's own user errors.

    The message reads `<thing> <what is wrong>; <remedy>`. A command prints it as one line and ends with `exit_code`.
    """

    exit_code = 2


def first_line(error: BaseException) -> str:
    """Return an error's first line; errors of libraries can be pages long."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]
