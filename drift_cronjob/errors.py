"""Errors of a drift check."""

from sentiment_common.errors import UserError


class DriftError(UserError):
    """The check cannot be made."""


class NothingServed(DriftError):
    """No release has been promoted and none has answered in the window, so there is nothing to check yet."""
