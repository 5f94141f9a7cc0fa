"""The rows that a release was made from, as hashes of their texts, which a comparison of two releases leaves out."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model_release.errors import ReleaseCorrupt
from model_release.reference import REFERENCE, read_reference
from model_release.scoring.features import text_hash

SEEN = "training/seen.npy"
KNOWN_NEW = "training/known-new.npy"
Keys = npt.NDArray[np.uint64]
_DIGITS = 16  # of a text's hash: 64 bits, which collide among a million texts once in 10 million files


def _keys(hashes: Sequence[str]) -> Keys:
    return np.array([int(key[:_DIGITS], 16) for key in hashes], dtype=np.uint64)


def write_seen(texts: Sequence[str], path: Path, inherited: Keys | None = None) -> None:
    """Write the 64-bit hashes of the texts that a network was trained or validated on, u64[n] ascending.

    Args:
        inherited: the hashes of the texts that the base was made from.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    keys = _keys([text_hash(text) for text in texts])
    np.save(path, np.unique(keys if inherited is None else np.concatenate([keys, inherited])), allow_pickle=False)


def read_seen(path: Path) -> Keys:
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


def are_seen(texts: Sequence[str], seen: Keys) -> npt.NDArray[np.bool_]:
    """Return whether the hash of each text is in `seen`, b[n]."""
    return np.isin(_keys([text_hash(text) for text in texts]), seen)


def known_new_to(release: Path) -> Keys | None:
    """Return the hashes of the only texts known to be new to a release; None if `training/seen.npy` is complete.

    A release without that file comes from an earlier version, which recorded only its test rows, in the reference
    sample. A release that was trained from such a release keeps these hashes in `training/known-new.npy`.

    Raises:
        ReleaseCorrupt: a file is damaged.
    """
    if (release / KNOWN_NEW).is_file():
        return read_seen(release / KNOWN_NEW)
    if (release / SEEN).is_file():
        return None
    return _keys(read_reference(release / REFERENCE).text_hash if (release / REFERENCE).is_file() else [])


def write_known_new(keys: Keys, path: Path) -> None:
    """Write the hashes that `known_new_to` returned for the base."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.unique(keys), allow_pickle=False)


def is_new_to(release: Path, texts: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Return whether each text is known to be new to a release and its base, neither trained nor validated on, b[n].

    Args:
        release: the release's folder with `training/` and `reference/`, if it has them.

    Raises:
        ReleaseCorrupt: a file in these folders is damaged.
    """
    known = known_new_to(release)
    new = np.ones(len(texts), dtype=np.bool_) if known is None else are_seen(texts, known)
    if (release / SEEN).is_file():
        new &= ~are_seen(texts, read_seen(release / SEEN))
    return new
