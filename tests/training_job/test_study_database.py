"""The study's database fails while a search uses it: one line names it and the remedy."""

import fcntl
import functools
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from kit.searches import Silent, search_rows, search_settings
from kit.training_runs import no_settings_from_outside, threads_kept

from sentiment_common.database_lock import only_process
from training_job import search as search_module
from training_job import study as study_module
from training_job.fit.prepare import Prepared
from training_job.search import search
from training_job.study import SearchError, SharedStudy
from training_job.tracking.run import Tracker

__all__ = ["no_settings_from_outside", "threads_kept"]


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    return search_rows()


def _shared(folder: Path, prepared: Prepared) -> SharedStudy:
    settings = search_settings(f"sqlite:///{folder}/optuna.db")
    return SharedStudy(settings, search_module.describe(settings, prepared))


def _break(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "optuna.db")) as connection:
        connection.execute("DROP TABLE trials")
        connection.commit()


def _enter(shared: SharedStudy) -> None:
    with shared.alone():
        shared.study.get_trials()


@pytest.mark.parametrize(
    "use",
    [_enter, SharedStudy.finished, SharedStudy.running, SharedStudy.close_stale, lambda shared: shared.take(3)],
    ids=["alone", "finished", "running", "close_stale", "take"],
)
def test_a_database_that_fails_later_is_named_with_a_remedy(
    use: Callable[[SharedStudy], object], prepared: Prepared, tmp_path: Path
) -> None:
    shared = _shared(tmp_path, prepared)
    _break(tmp_path)
    with pytest.raises(SearchError) as caught:
        use(shared)
    message = str(caught.value)
    assert "cannot be used ((sqlite3.OperationalError) no such table: trials); set a file in a folder" in message
    assert "the same command resumes the search" in message and "\n" not in message and caught.value.exit_code == 2


def test_a_database_that_fails_in_a_trial_ends_the_search_in_one_line(prepared: Prepared, tmp_path: Path) -> None:
    class Breaking(Silent):
        def begin(self, what: str, total: int | None = None) -> None:
            _break(tmp_path)

    settings = search_settings(f"sqlite:///{tmp_path}/optuna.db")
    with pytest.raises(SearchError, match="no such table: trials"):
        search(settings, prepared, Tracker(None, "search"), Breaking())


def test_a_lock_that_another_process_holds_is_named(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = _shared(tmp_path, prepared)
    monkeypatch.setattr(study_module, "only_process", functools.partial(only_process, seconds=0))
    with (tmp_path / "optuna.db.optuna.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with (
            pytest.raises(SearchError, match=r"optuna\.lock has been locked by .* 0 s\); end that process, and run"),
            shared.alone(),
        ):
            pytest.fail("it entered")


def test_an_error_of_the_work_inside_is_left_alone(prepared: Prepared, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="another cause"), _shared(tmp_path, prepared).alone():
        raise ValueError("another cause")
