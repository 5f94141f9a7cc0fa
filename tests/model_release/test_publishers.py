"""Several programs that publish the same release at once: two pods that resume one checkpoint make the same id."""

import errno
import threading
from pathlib import Path
from typing import Any

import pytest

from model_release import Manifest, ReleaseStore, StoreUnreachable, fill_manifest_files
from model_release.manifest import SERVING_MANIFEST

Draft = tuple[Path, Manifest]


@pytest.fixture
def draft(tmp_path: Path, tiny_release: tuple[str, str]) -> Draft:
    """A release's folder and its manifest, not published yet."""
    uri, release_id = tiny_release
    folder = ReleaseStore(uri).fetch("sentiment", release_id, tmp_path / "draft", only=("",))
    return folder, fill_manifest_files(folder, ReleaseStore(uri).manifest("sentiment", release_id))


class _FailsAtTheLastFile(ReleaseStore):
    """A publisher whose disk or network fails at the last file, after `go` is set."""

    def __init__(self, uri: str, manifest: Manifest) -> None:
        super().__init__(uri)
        self.reached, self.go = threading.Event(), threading.Event()
        self._last = manifest.files[-1].path

    def _write(self, path: str, content: bytes | Path) -> None:
        if path.endswith(self._last):
            self.reached.set()
            assert self.go.wait(300)
            raise OSError(errno.EIO, "input/output error")
        super()._write(path, content)

    def fail(self, draft: Draft) -> None:
        with pytest.raises(StoreUnreachable, match="input/output error"):
            self.publish(*draft)


class _CallsBefore(ReleaseStore):
    """A publisher beside which something happens just before it writes its serving manifest."""

    def __init__(self, uri: str, happens: Any) -> None:
        super().__init__(uri)
        self._happens = happens

    def _write(self, path: str, content: bytes | Path) -> None:
        if path.endswith(SERVING_MANIFEST) and (happens := self._happens):
            self._happens = None
            happens()
        super()._write(path, content)


def _assert_whole(uri: str, release_id: str, draft: Draft, tmp_path: Path) -> None:
    store = ReleaseStore(uri)
    assert store.list_releases("sentiment") == [release_id]
    folder = store.fetch("sentiment", release_id, tmp_path / "fetched", only=("",))
    assert all((folder / entry.path).stat().st_size == entry.size for entry in draft[1].files)


def test_a_publisher_that_fails_leaves_what_another_uploaded_before_it(
    store_uri: str, draft: Draft, tmp_path: Path
) -> None:
    failing = _FailsAtTheLastFile(store_uri, draft[1])
    failing.go.set()
    release_id = _CallsBefore(store_uri, lambda: failing.fail(draft)).publish(*draft)
    _assert_whole(store_uri, release_id, draft, tmp_path)


def test_files_that_a_failing_publisher_removes_are_uploaded_again(
    store_uri: str, draft: Draft, tmp_path: Path
) -> None:
    failing = _FailsAtTheLastFile(store_uri, draft[1])
    thread = threading.Thread(target=failing.fail, args=(draft,))
    thread.start()
    assert failing.reached.wait(300)

    def fails_now() -> None:
        failing.go.set()
        thread.join()

    release_id = _CallsBefore(store_uri, fails_now).publish(*draft)
    _assert_whole(store_uri, release_id, draft, tmp_path)


def test_a_publisher_that_fails_alone_leaves_no_file(store_uri: str, draft: Draft) -> None:
    failing = _FailsAtTheLastFile(store_uri, draft[1])
    failing.go.set()
    failing.fail(draft)
    filesystem, root = failing._fs, failing._root
    filesystem.invalidate_cache()
    assert not filesystem.find(f"{root}/sentiment/releases")


def test_without_a_file_that_vanishes_after_each_upload_nothing_is_published(store_uri: str, draft: Draft) -> None:
    lost = draft[1].files[0].path

    class Losing(ReleaseStore):
        def _write(self, path: str, content: bytes | Path) -> None:
            super()._write(path, content)
            if path.endswith(lost):
                self._fs.rm_file(path)

    store = Losing(store_uri)
    with pytest.raises(StoreUnreachable, match=rf"{lost} is missing or incomplete .*; check that no other program"):
        store.publish(*draft)
    assert store.list_releases("sentiment") == []
