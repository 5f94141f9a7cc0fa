"""What a user can mend about a drift check; the command exits with code 2."""


class DriftError(Exception):
    """The check cannot be made; the message names the thing and the remedy."""

    exit_code = 2


class NothingServed(DriftError):
    """No release has been promoted and none has answered in the window, so there is nothing to check yet."""
