"""Read the pages of a drift report from the folder or store that the check wrote them to."""

import re

from sentiment_common.object_store import Patience, open_store

LARGEST_BYTES = 64 * 2**20
_PAGE = re.compile(r"^drift-\d{8}T\d{9}Z-[0-9a-f]{8}\.html$")
_PATIENCE = Patience(connect=3, read=10, tries=1)  # a browser waits for the answer


class ReportUnavailable(Exception):
    """The page cannot be read; the message gives the reason."""


def page_uri(report_uri: str, page: str) -> str | None:
    """Return the address of a report's page, `report` or Evidently's page beside it; None for any other page.

    The address comes from the log. A client that can write to the log must not be able to read other files through the
    monitor, so an address is valid only if it ends with the name that a check gives its report.
    """
    folder, _, name = report_uri.rpartition("/")
    if not _PAGE.match(name):
        return None
    beside = f"{name.removesuffix('.html')}-evidently.html"
    if page in ("report", name):
        return report_uri
    return f"{folder}/{beside}" if page == beside else None


def read_page(uri: str) -> bytes:
    """Return the page's HTML.

    Raises:
        ReportUnavailable: the page was removed, is not HTML, or its store cannot be reached.
    """
    try:
        filesystem, path = open_store(uri, _PATIENCE)
        with filesystem.open(path, "rb") as file:
            page = bytes(file.read(LARGEST_BYTES + 1))
    except FileNotFoundError:
        raise ReportUnavailable(f"the report {uri} was removed") from None
    except Exception as error:  # stores raise errors without a common base
        raise ReportUnavailable(f"the report {uri} cannot be read: {type(error).__name__}") from error
    if len(page) > LARGEST_BYTES or not page[:200].lstrip().lower().startswith((b"<!doctype html", b"<html")):
        raise ReportUnavailable(f"{uri} is not a report")
    return page
