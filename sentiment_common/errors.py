"""Errors that a person can fix."""


class UserError(Exception):
    """Base of every program's own user errors.

    The message reads `<thing> <what is wrong>; <remedy>`. A command prints it as one line and ends with `exit_code`.
    """

    exit_code = 2
