"""A check that cannot reach a verdict names the cause."""

from collections.abc import Callable
from pathlib import Path

import pytest
from kit.drift_systems import LIKE, REFERENCE_ROWS, System
from kit.factories import make_release

from drift_cronjob.check import check
from drift_cronjob.errors import DriftError, NothingServed
from drift_cronjob.settings import DriftSettings
from model_release import Manifest, ReleaseCorrupt, ReleaseNotFound, ReleaseStore
from model_release.reference import REFERENCE
from prediction_log import LogError


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


FAULTS: list[tuple[Callable[[System], DriftSettings], type[Exception], str]] = [
    (refuse_another_store, DriftError, "check RELEASES_URI"),
    (refuse_unknown_release, ReleaseNotFound, "0000000000000000"),
    (refuse_no_reference, DriftError, "has no reference/reference.parquet to compare traffic with"),
    (refuse_changed_reference, ReleaseCorrupt, "reference.parquet"),
    (refuse_unreachable_database, LogError, ""),
    (refuse_no_tables, LogError, ""),
]


@pytest.mark.parametrize(("arrange", "error", "message"), FAULTS, ids=lambda value: getattr(value, "__name__", None))
def test_faults_are_named(
    system: System, arrange: Callable[[System], DriftSettings], error: type[Exception], message: str
) -> None:
    system.log(LIKE)
    settings = arrange(system)
    with pytest.raises(error) as caught:
        check(settings)
    assert message in str(caught.value)
    assert "secret" not in str(caught.value)
    assert getattr(caught.value, "exit_code", None) == 2


def test_before_the_first_promotion_the_release_that_answered_is_checked(system: System) -> None:
    releases = str(system.folder / "seeded")
    release_id = make_release(releases, rows=REFERENCE_ROWS)
    settings = system.settings(releases_uri=releases)
    with pytest.raises(NothingServed, match="none has answered in this window"):
        check(settings)
    system.log(LIKE, release_id=release_id)
    assert check(settings).release_id == release_id


def test_the_rows_of_other_models_are_not_this_model_s_traffic(system: System) -> None:
    """One log holds two models: the other model answered most, and its release is in another folder of the store."""
    releases = str(system.folder / "two")
    ours = make_release(releases, rows=REFERENCE_ROWS)
    theirs = make_release(releases, rows=120, seed=9, name="toxicity")
    system.log(LIKE * 2, release_id=theirs)
    system.log(LIKE, release_id=ours)
    outcome = check(system.settings(releases_uri=releases))
    assert (outcome.release_id, outcome.rows) == (ours, len(LIKE))
    assert not any("other releases" in note for note in outcome.notes)
    assert ReleaseStore(releases).release_ids("toxicity") == {theirs}
    with pytest.raises(DriftError, match=r"no release of 'third' .* 2 releases have answered"):
        check(system.settings(releases_uri=releases, model_name="third"))
