"""Errors of the prediction log."""

from sentiment_common.errors import UserError


class LogError(UserError):
    """The log cannot be used as asked; the message names the database or the field."""


class InvalidFeedback(LogError):
    """The prediction's id or the label is not valid."""


class LogRefused(LogError):
    """The database answers, and cannot hold the log as it is; waiting does not help."""


class UnknownPrediction(LogError):
    """No prediction has that id."""
