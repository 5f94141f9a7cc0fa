import os
from pathlib import Path

import fsspec
import pytest

from model_release import Manifest, ReleaseCorrupt, ReleaseNotFound, ReleaseStore, StoreUnreachable, fill_manifest_files

Draft = tuple[Path, Manifest]


@pytest.fixture
def draft(tmp_path: Path, tiny_release: tuple[str, str]) -> Draft:
    """A release's folder and its manifest, not published yet."""
    uri, release_id = tiny_release
    folder = ReleaseStore(uri).fetch("sentiment", release_id, tmp_path / "draft", only=("",))
    manifest = ReleaseStore(uri).manifest("sentiment", release_id)
    return folder, fill_manifest_files(folder, manifest)


def variation(draft: Draft, second: int) -> Manifest:
    return draft[1].model_copy(update={"created_at": f"2026-02-01T00:00:{second:02d}+00:00"})


def test_a_published_release_can_be_listed_resolved_and_fetched(store_uri: str, draft: Draft, tmp_path: Path) -> None:
    store = ReleaseStore(store_uri)
    assert store.list_releases("sentiment") == []
    store.check_writable("sentiment")
    first, second = (store.publish(draft[0], variation(draft, number)) for number in (1, 2))
    assert store.list_releases("sentiment") == [second, first]
    assert store.resolve("sentiment", first[:8]) == first
    folder = store.fetch("sentiment", first, tmp_path / "cache")
    assert {path.parts[0] for path in (p.relative_to(folder) for p in folder.rglob("*"))} == {
        "serving",
        "manifest.json",
    }
    assert (folder / "serving/manifest.json").read_bytes() == (folder / "manifest.json").read_bytes()
    assert store.publish(draft[0], variation(draft, 1)) == first


def test_fetch_keeps_whole_files_and_repairs_damaged_ones(store_uri: str, draft: Draft, tmp_path: Path) -> None:
    store = ReleaseStore(store_uri)
    release_id = store.publish(*draft)
    fetched: list[str] = []
    folder = store.fetch("sentiment", release_id, tmp_path / "cache")
    damaged = folder / "serving/tokenizer.json"
    damaged.write_text("{}")
    store.fetch("sentiment", release_id, tmp_path / "cache", on_file=lambda entry: fetched.append(entry.path))
    assert fetched == ["serving/tokenizer.json"]


def test_without_its_root_manifest_a_release_does_not_exist(store_uri: str, draft: Draft) -> None:
    store = ReleaseStore(store_uri)
    release_id = store.publish(*draft)
    filesystem, path = fsspec.core.url_to_fs(store.uri("sentiment", release_id))
    filesystem.rm_file(f"{path}/manifest.json")
    assert store.list_releases("sentiment") == []
    with pytest.raises(ReleaseNotFound, match=release_id):
        store.manifest("sentiment", release_id)


def test_a_changed_byte_in_the_store_is_refused_and_nothing_is_left(
    store_uri: str, draft: Draft, tmp_path: Path
) -> None:
    store = ReleaseStore(store_uri)
    release_id = store.publish(*draft)
    filesystem, path = fsspec.core.url_to_fs(f"{store.uri('sentiment', release_id)}/serving/golden.json")
    raw = bytearray(filesystem.cat_file(path))
    raw[len(raw) // 2] ^= 1
    filesystem.pipe_file(path, bytes(raw))
    with pytest.raises(ReleaseCorrupt, match=r"golden\.json"):
        store.fetch("sentiment", release_id, tmp_path / "cache")
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file() and "golden" in path.name]


def test_publish_refuses_a_folder_that_is_not_what_the_manifest_says(store_uri: str, draft: Draft) -> None:
    (draft[0] / "serving/tokenizer.json").write_text("{}")
    store = ReleaseStore(store_uri)
    with pytest.raises(ReleaseCorrupt, match=r"tokenizer\.json"):
        store.publish(*draft)
    assert store.list_releases("sentiment") == []


def test_promotions_leave_a_trail_and_remember_what_they_replaced(store_uri: str, draft: Draft) -> None:
    store = ReleaseStore(store_uri)
    first, second = (store.publish(draft[0], variation(draft, number)) for number in (1, 2))
    assert store.champion("sentiment") is None
    store.set_champion("sentiment", first, who="ada", action="promote")
    store.set_champion("sentiment", second, who="bob", action="promote")
    again = store.set_champion("sentiment", second, who="bob", action="promote")
    assert (again.id, again.previous) == (second, first)
    assert store.champion("sentiment") == again
    assert [(entry["who"], entry["id"]) for entry in store.audit("sentiment")] == [
        ("ada", first),
        ("bob", second),
        ("bob", second),
    ]
    with pytest.raises(ReleaseNotFound):
        store.set_champion("sentiment", "0123456789abcdef", who="eve", action="promote")


def test_resolve_names_what_there_is(store_uri: str, draft: Draft) -> None:
    store = ReleaseStore(store_uri)
    release_id = store.publish(*draft)
    for prefix in ("zzzz", release_id[:3], "f" * 16):
        with pytest.raises(ReleaseNotFound):
            store.resolve("sentiment", prefix)
    with pytest.raises(ReleaseNotFound, match=release_id):
        store.resolve("sentiment", "zzzz")


def test_an_unreachable_store_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-in-the-message")
    with pytest.raises(StoreUnreachable, match="AWS_ENDPOINT_URL") as caught:
        ReleaseStore("s3://bucket/models").check_writable("sentiment")
    assert "not-in-the-message" not in str(caught.value)


def test_a_missing_bucket_is_named(s3_uri: str) -> None:
    with pytest.raises(StoreUnreachable, match="RELEASES_URI"):
        ReleaseStore("s3://no-such-bucket-here/models").check_writable("sentiment")


@pytest.mark.parametrize("uri", ["", "  ", "nonsense://bucket/x"])
def test_a_bad_uri_is_refused_at_once(uri: str) -> None:
    with pytest.raises(Exception, match="RELEASES_URI") as caught:
        ReleaseStore(uri)
    assert caught.value.exit_code == 2  # type: ignore[attr-defined]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_leaves_no_release(draft: Draft, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    def full(source: Path, target: Path) -> None:
        with open("/dev/full", "wb", buffering=0) as stream:  # noqa: PTH123  # the kernel's own ENOSPC
            stream.write(Path(source).read_bytes())

    store = ReleaseStore(str(tmp_path / "full"))
    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(StoreUnreachable, match="No space left"):
        store.publish(*draft)
    assert store.list_releases("sentiment") == []
    assert not [name for _, _, names in os.walk(tmp_path / "full") for name in names]
