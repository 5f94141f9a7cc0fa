"""Remove old files of earlier checks: reports, and exported feedback, which holds texts."""

import re
from datetime import UTC, datetime, timedelta

from drift_cronjob.actions.feedback_export import EXPORTED
from drift_cronjob.errors import DriftError
from drift_cronjob.settings import DriftSettings
from sentiment_common.object_store import open_store

_REPORT = re.compile(r"^drift-(?P<stamp>\d{8}T\d{6})\d{3}Z-[0-9a-f]{8}(?P<beside>-evidently)?\.html$")
EVIDENTLY_DAYS = 14  # at four megabytes an hour, these pages would fill a small store


def is_old(name: str, now: datetime, keep_days: int) -> bool:
    """Whether a check wrote a file of this name longer ago than the file is kept; other files are never old."""
    found = _REPORT.match(name) or EXPORTED.match(name)
    if not found:
        return False
    try:
        written = datetime.strptime(found["stamp"], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    except ValueError:  # the digits are not a time
        return False
    beside = found.re is _REPORT and found["beside"]
    return now - written > timedelta(days=min(keep_days, EVIDENTLY_DAYS) if beside else keep_days)


def _remove(folder: str, now: datetime, keep_days: int) -> int:
    filesystem, path = open_store(folder)
    try:
        names: list[str] = filesystem.ls(path, detail=False)
    except FileNotFoundError:
        return 0
    old = [name for name in names if is_old(name.rsplit("/", 1)[-1], now, keep_days)]
    if old:
        filesystem.rm(old)
    return len(old)


def remove_old(settings: DriftSettings) -> str | None:
    """Remove reports and exported feedback after `keep_days`, and Evidently's pages after two weeks.

    Returns:
        A sentence on the removed files; None if there were none.

    Raises:
        DriftError: a folder cannot be listed or changed.
    """
    now = datetime.now(UTC)
    folders = [f"{settings.releases_uri.rstrip('/')}/{settings.model_name}/feedback"]
    if settings.report_dir != "none":
        folders.append(settings.report_dir.rstrip("/"))
    removed = 0
    for folder in folders:
        try:
            removed += _remove(folder, now, settings.keep_days)
        except Exception as error:  # stores raise errors without a common base
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            raise DriftError(
                f"old files in {folder} cannot be removed ({reason}); check the rights to list and delete"
            ) from error
    return f"removed {removed} old reports and feedback files" if removed else None
