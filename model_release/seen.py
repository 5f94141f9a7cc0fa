"""The rows that a release was made from, as hashes of their texts: whoever compares two releases leaves them out."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model_release.errors import ReleaseCorrupt
from model_release.features import text_hash
from model_release.reference import REFERENCE, read_reference

SEEN = "training/seen.npy"
_DIGITS = 16  # of a text's hash: 64 bits, of which two among a million texts are equal once in 10 million files


def _keys(hashes: Sequence[str]) -> npt.NDArray[np.uint64]:
    return np.array([int(key[:_DIGITS], 16) for key in hashes], dtype=np.uint64)


def write_seen(texts: Sequence[str], path: Path) -> None:
    """Write the 64-bit hashes of the texts that a network was trained or validated on, u64[n] ascending."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.unique(_keys([text_hash(text) for text in texts])), allow_pickle=False)


def read_seen(path: Path) -> npt.NDArray[np.uint64]:
    """Read what `write_seen` wrote.

    Raises:
        ReleaseCorrupt: the file is not an array of 64-bit hashes.
    """
    try:
        keys = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ReleaseCorrupt(f"{path} is not a list of hashes ({error}); publish the release again") from None
    if keys.dtype != np.uint64 or keys.ndim != 1:
        raise ReleaseCorrupt(f"{path} is not a list of 64-bit hashes; publish the release again")
    return np.asarray(keys, dtype=np.uint64)


def is_new_to(release: Path, texts: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Whether each text is known to be new to a release: neither trained nor validated on, b[n].

    A release without `training/seen.npy` comes from an earlier version; its reference sample holds test rows, which
    are new to it, and no other text is known to be.

    Args:
        release: its folder with `training/` and `reference/`, where it has them.

    Raises:
        ReleaseCorrupt: a file in them is damaged.
    """
    hashes = [text_hash(text) for text in texts]
    if (release / SEEN).is_file():
        return ~np.isin(_keys(hashes), read_seen(release / SEEN))
    tested = set(read_reference(release / REFERENCE).text_hash) if (release / REFERENCE).is_file() else set()
    return np.array([key in tested for key in hashes], dtype=np.bool_)
