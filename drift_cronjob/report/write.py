"""Write the pages of a report."""

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from drift_cronjob.errors import DriftError
from drift_cronjob.outcome import Findings
from drift_cronjob.report.page import render_page
from sentiment_common.object_store import open_store, put_file

_EVIDENTLY_ROWS = 50  # fewer than these draw nothing of use


def write_file(directory: str, name: str, content: bytes) -> str:
    """Write one file under a folder or `s3://bucket/prefix`; its address."""
    address = f"{directory.rstrip('/')}/{name}"
    try:
        filesystem, path = open_store(address)
        put_file(filesystem, path, content)
    except Exception as error:  # botocore's, aiohttp's and OSError's families, by the kind of folder
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise DriftError(
            f"the report cannot be written to {directory} ({reason}); choose another place by --report-dir"
        ) from error
    return address


def _evidently_beside(findings: Findings, directory: str, name: str, seed: int) -> str:
    """Draw Evidently's page beside the report; its file's name.

    Raises:
        DriftError: it cannot be drawn or written.
    """
    beside = f"{name}-evidently.html"
    with tempfile.TemporaryDirectory() as scratch:
        page = Path(scratch) / beside
        try:
            from drift_cronjob.report.evidently_page import save_evidently_page  # pandas and plotly: may be broken

            save_evidently_page(findings.reference, findings.traffic.sample, page, seed)
        except Exception as error:  # Evidently's, pandas' and plotly's, by the rows
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise DriftError(
                f"Evidently's page cannot be drawn ({reason}); the report is without it (--no-evidently asks for none)"
            ) from error
        write_file(directory, beside, page.read_bytes())
    return beside


def write_report(
    findings: Findings, directory: str, seed: int, *, evidently: bool, on_problem: Callable[[str], None]
) -> str:
    """Draw the report into `directory` (a folder or `s3://bucket/prefix`); the page's address.

    The page holds its pictures itself. Evidently's page (several megabytes of script) is a file beside it; where it
    cannot be made, `on_problem` gets a line and the report is written without it.

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
    except Exception as error:  # matplotlib's and jinja's
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise DriftError(
            f"the report cannot be drawn ({reason}); the verdict stands: `sentiment doctor` checks the packages, and "
            "--report-dir none draws none"
        ) from error
    return write_file(directory, f"{name}.html", page)
