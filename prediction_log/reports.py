"""Drift reports: one row for each check."""

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select

from prediction_log.database.connection import STATEMENT_SECONDS, connected, parse_url, run
from prediction_log.schema import drift_reports


@dataclass(frozen=True, slots=True)
class DriftReportRow:
    """A check: its window, release, verdict, reason in plain words, number of rows, statistics as JSON objects."""

    created: datetime
    window_start: datetime
    window_end: datetime
    release_id: str
    verdict: str
    reason: str
    rows: int
    statistics: list[dict[str, Any]] = field(default_factory=list)
    report_uri: str | None = None


@dataclass(frozen=True, slots=True)
class RecordedReport(DriftReportRow):
    """A check as recorded in the log, with its row's id."""

    id: int = 0


async def _save(url: str, report: DriftReportRow) -> int:
    # JSON has no NaN or infinity, which Postgres insists on: they become null. numpy's numbers become Python's.
    statistics = json.loads(json.dumps(report.statistics, default=float), parse_constant=lambda _: None)
    async with connected(parse_url(url), seconds=STATEMENT_SECONDS) as connection:
        query = (
            drift_reports.insert().values({**asdict(report), "statistics": statistics}).returning(drift_reports.c.id)
        )
        return int((await connection.execute(query)).scalar_one())


def save_report(url: str, report: DriftReportRow) -> int:
    """Add a report's row and return its id; LogError if the database cannot be used."""
    return run(_save(url, report))


async def _set_address(url: str, row_id: int, report_uri: str) -> None:
    async with connected(parse_url(url), seconds=STATEMENT_SECONDS) as connection:
        await connection.execute(
            drift_reports.update().where(drift_reports.c.id == row_id).values(report_uri=report_uri)
        )


def set_report_address(url: str, row_id: int, report_uri: str) -> None:
    """Set the address of a saved check's report; LogError if the database cannot be used."""
    run(_set_address(url, row_id, report_uri))


async def _latest(url: str, count: int, seconds: float, releases: Collection[str] | None) -> list[RecordedReport]:
    names = RecordedReport.__dataclass_fields__
    query = select(*(drift_reports.c[name] for name in names)).order_by(drift_reports.c.id.desc()).limit(count)
    if releases is not None:
        query = query.where(drift_reports.c.release_id.in_(sorted(releases)))
    async with connected(parse_url(url), read_only=True, seconds=seconds) as connection:
        return [RecordedReport(*row) for row in (await connection.execute(query)).all()]


def latest_reports(
    url: str, count: int, timeout_seconds: float = STATEMENT_SECONDS, releases: Collection[str] | None = None
) -> list[RecordedReport]:
    """The newest `count` reports of these releases (of all unless given), the newest first.

    Raises:
        LogError: the database cannot be used, or takes longer than this.
    """
    return run(_latest(url, count, timeout_seconds, releases))
