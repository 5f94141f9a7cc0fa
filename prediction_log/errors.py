"""What can go wrong with the log, as a person meets it."""


class LogError(Exception):
    """The log cannot be used as asked; the message names the database or field and the remedy."""

    exit_code = 2


class InvalidFeedback(LogError):
    """The prediction's id or the label is not valid."""


class LogRefused(LogError):
    """The database answers, and cannot hold the log as it is; waiting does not help."""


class UnknownPrediction(LogError):
    """No prediction has that id."""
