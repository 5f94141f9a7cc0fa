"""Errors of the command line."""

from sentiment_common.errors import UserError


class CliError(UserError):
    """Base of the command line's own errors."""


class MissingExtra(CliError):
    """A command needs an extra of the distribution that is not installed."""

    def __init__(self, command: str, module: str, extra: str) -> None:
        super().__init__(
            f"`sentiment {command}` needs the module {module!r}, which is not installed; "
            f"type: pip install 'sentiment-pipeline[{extra}]'"
        )


class ServerAnswer(CliError):
    """The server refused a request or could not be reached; `status` is the HTTP status or the gRPC code's name."""

    def __init__(self, message: str, status: int | str | None = None) -> None:
        super().__init__(message)
        self.status = status
