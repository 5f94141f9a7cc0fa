"""The page of a drift report, read from where the check wrote it."""

import fsspec


class ReportUnavailable(Exception):
    """The report cannot be read; the message says why."""


def read_report(uri: str) -> bytes:
    """The report's HTML.

    Raises:
        ReportUnavailable: it was removed, or its store cannot be reached.
    """
    try:
        with fsspec.open(uri, "rb") as file:
            return bytes(file.read())
    except FileNotFoundError:
        raise ReportUnavailable(f"the report {uri} was removed") from None
    except Exception as error:  # a store's own errors have no common base
        raise ReportUnavailable(f"the report {uri} cannot be read: {type(error).__name__}") from error
