"""What keeps a check from being made is named; the verdict is not lost with what follows it."""

from collections.abc import Callable
from pathlib import Path

import kube_config
import pytest
from drift_systems import FOREIGN, LIKE, REFERENCE_ROWS, System
from factories import make_release

from drift_cronjob.check import check
from drift_cronjob.errors import DriftError, NothingServed
from drift_cronjob.settings import DriftSettings
from model_release import Manifest, ReleaseCorrupt, ReleaseNotFound, ReleaseStore
from model_release.reference import REFERENCE
from prediction_log import LogError, add_feedback, latest_reports


def refuse_another_store(system: System) -> DriftSettings:
    return system.settings(releases_uri=str(system.folder / "empty"))


def refuse_unknown_release(system: System) -> DriftSettings:
    return system.settings(release="0000000000000000")


def refuse_no_reference(system: System) -> DriftSettings:
    uri, release_id = system.release
    whole = ReleaseStore(uri).fetch("sentiment", release_id, system.folder / "whole", only=("",))
    manifest = ReleaseStore(uri).manifest("sentiment", release_id)
    bare = Manifest(**(dict(manifest) | {"files": tuple(f for f in manifest.files if f.path != REFERENCE)}))
    bare_id = ReleaseStore(str(system.folder / "bare")).publish(whole, bare)
    return system.settings(releases_uri=str(system.folder / "bare"), release=bare_id)


def refuse_changed_reference(system: System) -> DriftSettings:
    uri = str(system.folder / "damaged")
    release_id = make_release(uri, rows=120, seed=7)
    path = Path(ReleaseStore(uri).uri("sentiment", release_id)) / REFERENCE
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 0xFF
    path.write_bytes(raw)
    return system.settings(releases_uri=uri, release=release_id)


def refuse_unreachable_database(system: System) -> DriftSettings:
    return system.settings(database_url="postgresql://nobody:secret@127.0.0.1:9/nothing")


def refuse_no_tables(system: System) -> DriftSettings:
    return system.settings(database_url=f"sqlite:///{system.folder}/fresh.db")


def refuse_report_dir(system: System) -> DriftSettings:
    (system.folder / "taken").write_text("a file")
    return system.settings(report_dir=str(system.folder / "taken"))


FAULTS: list[tuple[Callable[[System], DriftSettings], type[Exception], str]] = [
    (refuse_another_store, ReleaseNotFound, "no release"),
    (refuse_unknown_release, ReleaseNotFound, "0000000000000000"),
    (refuse_no_reference, DriftError, "nothing to compare traffic with"),
    (refuse_changed_reference, ReleaseCorrupt, "reference.parquet"),
    (refuse_unreachable_database, LogError, ""),
    (refuse_no_tables, LogError, ""),
    (refuse_report_dir, DriftError, "the verdict is stable, but the report cannot be written"),
]


@pytest.mark.parametrize(("arrange", "error", "told"), FAULTS, ids=lambda value: getattr(value, "__name__", None))
def test_faults_are_named(
    system: System, arrange: Callable[[System], DriftSettings], error: type[Exception], told: str
) -> None:
    system.log(LIKE)
    settings = arrange(system)
    with pytest.raises(error) as caught:
        check(settings)
    assert told in str(caught.value)
    assert "secret" not in str(caught.value)
    assert getattr(caught.value, "exit_code", None) == 2


def test_the_verdict_is_logged_though_its_report_cannot_be_written(system: System) -> None:
    system.log(LIKE)
    with pytest.raises(DriftError):
        check(refuse_report_dir(system))
    (row,) = latest_reports(system.url, 5)
    assert (row.verdict, row.report_uri) == ("stable", None)


def test_before_the_first_promotion_what_has_answered_is_checked(system: System) -> None:
    releases = str(system.folder / "seeded")
    release_id = make_release(releases, rows=REFERENCE_ROWS)
    settings = system.settings(releases_uri=releases)
    with pytest.raises(NothingServed, match="none has answered in this window"):
        check(settings)
    system.log(LIKE, release_id=release_id)
    assert check(settings).release_id == release_id


def test_what_cannot_be_done_about_drift_keeps_nothing_else_from_being_done(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kube_config.use(
        monkeypatch, kube_config.write(tmp_path / "config", f"http://127.0.0.1:{kube_config.closed_port()}")
    )
    reports = tmp_path / "reports"
    reports.mkdir()
    (reports / "drift-20200101T000000000Z-0123abcd.html").write_text("old")
    logged = system.log(FOREIGN)
    add_feedback(system.url, logged[0][0], "positive", None)
    changes = {"feedback_export": True, "retrain_cronjob": "training", "kube_namespace": "ns"}
    with pytest.raises(DriftError, match=r"exported 1 labelled texts .*removed 1 old.*no training was started"):
        check(system.settings(report_dir=str(reports), **changes))
    assert [row.verdict for row in latest_reports(system.url, 5)] == ["drift"]
    assert len(list(reports.iterdir())) == 1
