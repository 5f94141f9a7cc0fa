"""Promotion and rollback of real releases in a real store, with MLflow there, away, and back again."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.factories import make_release

from model_release import Champion, ReleaseCorrupt, ReleaseMisplaced, ReleaseNotFound, ReleaseStore, StoreUnreachable
from training_job.promotion.promote import Promoter, PromotionError, history, promoted_before, resolve, verify
from training_job.promotion.rollout import RolloutError
from training_job.tracking.registry import connect

NAME = "sentiment"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A store of three releases, none promoted."""
    folder = tmp_path_factory.mktemp("releases")
    return folder, [make_release(folder, seed=seed, rows=30) for seed in range(3)]


@pytest.fixture
def store(made: tuple[Path, list[str]], tmp_path: Path) -> ReleaseStore:
    shutil.copytree(made[0], tmp_path / "store")
    return ReleaseStore(str(tmp_path / "store"))


@pytest.fixture
def ids(made: tuple[Path, list[str]]) -> list[str]:
    return made[1]


def _promote(store: ReleaseStore, release_id: str, tracking_uri: str | None = None, **options: Any) -> Any:
    return Promoter(store, NAME, "ana", tracking_uri, threads=1, **options).promote(release_id)


def _rollback(store: ReleaseStore, tracking_uri: str | None = None) -> Any:
    return Promoter(store, NAME, "ben", tracking_uri, threads=1).rollback()


def test_promotion_checks_records_and_keeps_a_trail(store: ReleaseStore, ids: list[str], tmp_path: Path) -> None:
    done = _promote(store, ids[0][:6], cache=tmp_path / "cache")
    assert (done.champion.id, done.changed, done.registry_version, done.registry_problem) == (ids[0], True, None, None)
    assert 0 <= done.golden_difference < 0.03
    assert store.champion(NAME) == done.champion
    assert (tmp_path / "cache" / ids[0] / "serving/golden.json").is_file()
    _promote(store, ids[1])
    _rollback(store)
    assert [(entry.action, entry.id, entry.who) for entry in history(store, NAME)] == [
        ("promote", ids[0], "ana"),
        ("promote", ids[1], "ana"),
        ("rollback", ids[0], "ben"),
    ]


def test_promoting_the_champion_again_moves_nothing(store: ReleaseStore, ids: list[str]) -> None:
    first = _promote(store, ids[0])
    again = _promote(store, ids[0])
    assert not again.changed
    assert again.champion == first.champion
    assert len(history(store, NAME)) == 1


def test_rolling_back_twice_goes_two_back_and_not_forth(store: ReleaseStore, ids: list[str]) -> None:
    for release_id in ids:
        _promote(store, release_id)
    assert _rollback(store).champion.id == ids[1]
    assert _rollback(store).champion.id == ids[0]
    with pytest.raises(PromotionError, match=f"{ids[0]} is the first champion .* nothing to roll back to") as raised:
        _rollback(store)
    assert raised.value.exit_code == 2
    champion = store.champion(NAME)
    assert champion is not None
    assert champion.id == ids[0]


def test_rollback_before_any_promotion(store: ReleaseStore) -> None:
    with pytest.raises(PromotionError, match=r"has no champion .* promote a release first"):
        _rollback(store)


def test_an_unknown_id_is_answered_with_the_nearest(store: ReleaseStore, ids: list[str]) -> None:
    typo = ("0" if ids[1][3] != "0" else "1").join((ids[1][:3], ids[1][4:]))
    with pytest.raises(ReleaseNotFound, match=f"no release '{typo}' .*nearest: {ids[1]}"):
        _promote(store, typo)
    with pytest.raises(ReleaseNotFound, match="nearest: " + ", ".join(["[0-9a-f]{16}"] * 3)):
        resolve(store, NAME, "zzzz")
    with pytest.raises(ReleaseNotFound, match=r"'other' has no releases .* train one first"):
        resolve(store, "other", "abcdef")
    assert store.champion(NAME) is None


@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_a_damaged_release_is_not_promoted(store: ReleaseStore, ids: list[str], damage: str) -> None:
    _promote(store, ids[0])
    weights = Path(store.uri(NAME, ids[1])) / "serving/openvino-fp32/model.bin"
    if damage == "missing":
        weights.unlink()
    else:
        weights.write_bytes(weights.read_bytes()[:-1] + b"\x00")
    with pytest.raises(ReleaseCorrupt, match=r"model\.bin"):
        _promote(store, ids[1])
    champion = store.champion(NAME)
    assert champion is not None
    assert champion.id == ids[0]
    assert len(history(store, NAME)) == 1


def test_verification_leaves_no_files_behind(
    store: ReleaseStore, ids: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    assert verify(store, NAME, ids[0], threads=1) < 0.03
    assert list((tmp_path / "scratch").iterdir()) == []


def test_mlflow_away_does_not_stop_a_promotion_and_doing_it_again_repairs_the_alias(
    store: ReleaseStore, ids: list[str], tmp_path: Path
) -> None:
    database = tmp_path / "mlflow/mlflow.db"
    database.mkdir(parents=True)  # a folder in the database's place: MLflow cannot open it
    uri = f"sqlite:///{database}"
    done = _promote(store, ids[0], uri)
    assert done.changed
    assert done.registry_version is None
    assert "unable to open" in done.registry_problem
    assert "promote it again" in done.registry_problem

    database.rmdir()
    repaired = _promote(store, ids[0], uri)
    assert (repaired.changed, repaired.registry_version, repaired.registry_problem) == (False, "1", None)
    client = connect(uri)
    assert client.get_model_version_by_alias(NAME, "champion").tags["release_id"] == ids[0]

    _promote(store, ids[1], uri)
    assert client.get_model_version_by_alias(NAME, "champion").tags["release_id"] == ids[1]
    assert _rollback(store, uri).registry_version == "1"
    assert client.get_model_version_by_alias(NAME, "champion").tags["release_id"] == ids[0]


def test_the_cluster_comes_before_the_record(store: ReleaseStore, ids: list[str]) -> None:
    served: list[tuple[str, str]] = []

    def refuse(storage_uri: str, release_id: str) -> None:
        served.append((storage_uri, release_id))
        raise RolloutError("not served")

    with pytest.raises(RolloutError):
        _promote(store, ids[0], roll_out=refuse)
    assert served == [(f"{store.uri(NAME, ids[0])}/serving/", ids[0])]
    assert store.champion(NAME) is None


def test_a_store_that_goes_away_during_the_rollout_is_reported_with_the_served_release(
    store: ReleaseStore, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> Champion:
        raise StoreUnreachable("the store does not answer")

    monkeypatch.setattr(store, "set_champion", away)
    with pytest.raises(StoreUnreachable, match=r"^the store does not answer$"):
        _promote(store, ids[0])
    with pytest.raises(PromotionError, match=f"serves {ids[0]}.*the store does not answer.*promote it again"):
        _promote(store, ids[0], roll_out=lambda *_: None)


def _entries(moves: list[tuple[str, str]]) -> list[Champion]:
    return [Champion(id=name, previous=None, who="x", when="t", action=action) for action, name in moves]


def test_a_move_that_was_never_completed_counts_for_nothing() -> None:
    audit = _entries([("promote", "a"), ("promote", "b"), ("promote", "c")])
    assert promoted_before(audit, "b") == ["a"]
    audit = _entries([("promote", "a"), ("promote", "b"), ("rollback", "a")])
    assert promoted_before(audit, "b") == ["a"]
    assert promoted_before([], "a") == []


@given(st.lists(st.one_of(st.sampled_from("abcd"), st.none()), max_size=30))
def test_rollbacks_undo_promotions_like_a_stack(moves: list[str | None]) -> None:
    """Any history of promotions (a letter) and rollbacks (None) leaves what a stack without repeats on top leaves."""
    stack: list[str] = []
    audit: list[tuple[str, str]] = []
    for move in moves:
        if move is None:
            before = promoted_before(_entries(audit), stack[-1]) if stack else []
            assert before == stack[-2::-1]
            if before:
                stack.pop()
                audit.append(("rollback", before[0]))
        elif stack[-1:] != [move]:
            stack.append(move)
            audit.append(("promote", move))
    if stack:
        assert promoted_before(_entries(audit), stack[-1]) == stack[-2::-1]


@pytest.mark.parametrize("digits", [16, 6])
def test_a_release_copied_under_another_name_is_refused_and_moves_no_alias(
    digits: int, store: ReleaseStore, ids: list[str], tmp_path: Path
) -> None:
    tracking = f"sqlite:///{tmp_path}/mlflow.db"
    _promote(store, ids[0], tracking)
    shutil.copytree(tmp_path / "store" / NAME, tmp_path / "store/other")
    with pytest.raises(
        ReleaseMisplaced, match=r"a release of the model 'sentiment', copied under 'other'; .*MODEL_NAME"
    ):
        Promoter(store, "other", "ana", tracking, threads=1).promote(ids[1][:digits])
    with pytest.raises(ReleaseMisplaced):
        store.fetch("other", ids[1], tmp_path / "cache")
    alias = connect(tracking).get_model_version_by_alias(NAME, "champion")
    assert alias.tags["release_id"] == ids[0]
    assert store.list_releases("other") == []


def test_a_rollback_to_a_release_of_another_model_is_refused(
    store: ReleaseStore, ids: list[str], tmp_path: Path
) -> None:
    _promote(store, ids[0])
    _promote(store, ids[1])
    shutil.copytree(tmp_path / "store" / NAME, tmp_path / "store/other")
    with pytest.raises(ReleaseMisplaced, match="copied under 'other'"):
        Promoter(store, "other", "ben", threads=1).rollback()
    champion = store.champion("other")
    assert champion is not None and champion.id == ids[1]
