"""A release records which texts it was made from, and no text can be read from the record."""

from pathlib import Path

import numpy as np
import pytest
from kit.factories import make_release, make_texts

from model_release import ReleaseCorrupt, ReleaseStore
from model_release.seen import KNOWN_NEW, SEEN, is_new_to, known_new_to, read_seen, write_known_new, write_seen


def test_copies_in_another_layout_are_seen_too(tmp_path: Path) -> None:
    write_seen(["a warm film", "caf\u00e9", "a  warm film "], tmp_path / SEEN)
    assert len(read_seen(tmp_path / SEEN)) == 2 and b"warm" not in (tmp_path / SEEN).read_bytes()
    write_seen(["another"], tmp_path / "next.npy", inherited=read_seen(tmp_path / SEEN))
    assert set(read_seen(tmp_path / SEEN)) < set(read_seen(tmp_path / "next.npy"))
    assert is_new_to(tmp_path, ["a\nwarm film", "cafe\u0301", "a cold film"]).tolist() == [False, False, True]


def test_of_an_older_release_the_reference_sample_alone_is_known_to_be_new(tmp_path: Path) -> None:
    release_id = make_release(tmp_path / "store", rows=30, seed=4)
    folder = ReleaseStore(str(tmp_path / "store")).fetch("sentiment", release_id, tmp_path, ("training/", "reference/"))
    texts = make_texts(30, 4)[0]
    assert is_new_to(folder, [texts[3], "another text", texts[8]]).tolist() == [True, False, True]
    assert is_new_to(tmp_path / "nothing", texts).tolist() == [False] * 30


@pytest.mark.parametrize("array", [b"no", np.array([1.5]), np.array([[1]], dtype=np.uint64), np.array([{}])])
def test_a_damaged_record_is_named(array: object, tmp_path: Path) -> None:
    path = tmp_path / SEEN
    path.parent.mkdir()
    if isinstance(array, bytes):
        path.write_bytes(array)
    else:
        np.save(path, array, allow_pickle=True)
    with pytest.raises(ReleaseCorrupt, match=r"seen\.npy is not a list of .*publish the release again"):
        is_new_to(tmp_path, ["a"])


def test_a_release_made_from_an_older_one_knows_new_texts_by_that_ones_reference_alone(tmp_path: Path) -> None:
    release_id = make_release(tmp_path / "store", rows=30, seed=4)
    older = ReleaseStore(str(tmp_path / "store")).fetch("sentiment", release_id, tmp_path, ("reference/",))
    texts, known = make_texts(30, 4)[0], known_new_to(older)
    assert known is not None
    heir = tmp_path / "heir"
    write_seen([texts[3]], heir / SEEN)
    assert known_new_to(heir) is None
    write_known_new(known, heir / KNOWN_NEW)
    assert is_new_to(heir, [texts[2], texts[3], "another text"]).tolist() == [True, False, False]
    assert np.array_equal(np.sort(known), known_new_to(heir))  # which the next heir takes over
