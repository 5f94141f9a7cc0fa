"""Errors of a drift check."""

from sentiment_common.errors import UserError


class DriftError(UserError):
    """The check cannot reach a verdict, or one of its steps failed."""


class NothingServed(DriftError):
    """No release has been promoted and none has answered in the window: there is nothing to check yet."""
