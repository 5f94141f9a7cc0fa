"""Old files of checks are removed after their days, and no other files."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drift_cronjob.actions.retention import EVIDENTLY_DAYS, is_old, remove_old
from drift_cronjob.errors import DriftError
from drift_cronjob.settings import DriftSettings

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
REPORT, BESIDE, FEEDBACK = (
    "drift-{}123Z-0123abcd.html",
    "drift-{}123Z-0123abcd-evidently.html",
    "{}Z-0123456789ab.parquet",
)


def named(form: str, days_ago: float, now: datetime = NOW) -> str:
    return form.format(f"{now - timedelta(days=days_ago):%Y%m%dT%H%M%S}")


@given(st.floats(0, 2000), st.integers(1, 400))
def test_a_file_is_old_after_its_days(days_ago: float, keep: int) -> None:
    whole = round(days_ago * 86_400) / 86_400  # names hold whole seconds
    for form in (REPORT, FEEDBACK):
        assert is_old(named(form, whole), NOW, keep) == (whole > keep)
    assert is_old(named(BESIDE, whole), NOW, keep) == (whole > min(keep, EVIDENTLY_DAYS))


@given(st.text(max_size=60) | st.from_regex(r"drift-[0-9]{8}T[0-9]{6}[0-9]{3}Z-[0-9a-f]{8}\\.html", fullmatch=True))
def test_any_name_is_accepted(name: str) -> None:
    assert is_old(name, NOW, 90) in (True, False)


@pytest.mark.parametrize(
    "name", ["index.html", "drift-20200101.html", "a-" + named(REPORT, 900), "20200101T000000Z.parquet"]
)
def test_other_files_stay(name: str) -> None:
    assert not is_old(name, NOW, 1)


def test_old_files_are_removed_from_folders_and_buckets(store_uri: str) -> None:
    now = datetime.now(UTC)
    folders = {"reports": (REPORT, BESIDE), "sentiment/feedback": (FEEDBACK,)}
    settings = DriftSettings(releases_uri=store_uri, report_dir=f"{store_uri}/reports", keep_days=30)
    assert remove_old(settings) is None  # neither folder exists
    filesystem, base = fsspec.core.url_to_fs(store_uri, use_listings_cache=False)
    for folder, forms in folders.items():
        filesystem.makedirs(f"{base}/{folder}", exist_ok=True)
        for name in [named(form, days, now) for form in forms for days in (5, 20, 40)] + ["notes.txt"]:
            filesystem.pipe_file(f"{base}/{folder}/{name}", b"x")
    assert remove_old(settings) == "removed 4 old reports and feedback files"
    left = {path.rsplit("/", 1)[-1] for folder in folders for path in filesystem.ls(f"{base}/{folder}", detail=False)}
    assert left == {"notes.txt", *(named(form, 5, now) for form in (REPORT, BESIDE, FEEDBACK)),
                    *(named(form, 20, now) for form in (REPORT, FEEDBACK))}  # fmt: skip
    assert remove_old(settings) is None


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DriftError, match=r"old files in .*/file/sentiment/feedback cannot be removed \(NotADirectory"):
        remove_old(DriftSettings(releases_uri=f"{tmp_path}/file", report_dir="none"))
