"""Write the pages of a report."""

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from drift_cronjob.errors import DriftError
from drift_cronjob.outcome import Findings
from drift_cronjob.report.page import render_page
from sentiment_common.object_store import open_store, put_file

_EVIDENTLY_ROWS = 50  # with fewer rows the page shows nothing useful


def write_file(directory: str, name: str, content: bytes) -> str:
    """Write a file under a folder or `s3://bucket/prefix`; return its address."""
    address = f"{directory.rstrip('/')}/{name}"
    try:
        filesystem, path = open_store(address)
        put_file(filesystem, path, content)
    except Exception as error:  # botocore's and aiohttp's errors, and OSError, depending on the folder
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise DriftError(
            f"the report cannot be written to {directory} ({reason}); choose another folder with --report-dir"
        ) from error
    return address


def _evidently_beside(findings: Findings, directory: str, name: str, seed: int) -> str:
    """Draw Evidently's page beside the report; return the name of its file.

    Raises:
        DriftError: the page cannot be drawn or written.
    """
    beside = f"{name}-evidently.html"
    with tempfile.TemporaryDirectory() as scratch:
        page = Path(scratch) / beside
        try:
            from drift_cronjob.report.evidently_page import save_evidently_page  # pandas and plotly: may be broken

            save_evidently_page(findings.reference, findings.traffic.sample, page, seed)
        except Exception as error:  # errors of Evidently, pandas and plotly, depending on the rows
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise DriftError(f"Evidently's page cannot be drawn ({reason}); turn it off with --no-evidently") from error
        write_file(directory, beside, page.read_bytes())
    return beside


def write_report(
    findings: Findings, directory: str, seed: int, *, evidently: bool, on_problem: Callable[[str], None]
) -> str:
    """Draw the report into `directory` (a folder or `s3://bucket/prefix`); return the page's address.

    The page contains its pictures. Evidently's page (several megabytes of script) is a file beside it. If Evidently's
    page fails, `on_problem` gets a line and the report is written without that page.

    Raises:
        DriftError: the report cannot be drawn or written.
    """
    created = datetime.now(UTC)
    stamp = f"{created:%Y%m%dT%H%M%S}{created.microsecond // 1000:03d}Z"
    name = f"drift-{stamp}-{findings.manifest.release_id[:8]}"
    beside = None
    if evidently and min(len(findings.reference), len(findings.traffic.sample)) >= _EVIDENTLY_ROWS:
        try:
            beside = _evidently_beside(findings, directory, name, seed)
        except DriftError as error:
            on_problem(str(error))
    try:
        page = render_page(findings, created, beside, seed).encode()
    except Exception as error:  # errors of matplotlib and Jinja
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise DriftError(
            f"the report cannot be drawn ({reason}), but the verdict is valid; check the packages with `sentiment "
            "doctor`, or turn reports off with --report-dir none"
        ) from error
    return write_file(directory, f"{name}.html", page)
