"""Errors of a training."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from sentiment_common.errors import UserError


class TrainingError(UserError):
    """Base of the training job's errors."""


class DataError(TrainingError):
    """The rows cannot be read, or cannot be trained on."""


class BaseModelError(TrainingError):
    """The network to start from cannot be loaded."""


class Diverged(TrainingError):
    """The loss, or an answer of the network, became NaN or infinite."""


@contextmanager
def system_limits_named() -> Iterator[None]:
    """Turn a full disk, a folder that cannot be written and exhausted memory into errors that name the remedy."""
    try:
        yield
    except OSError as error:
        # Without an error number it comes from a library: a broken connection, a bad archive.
        if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EPERM, errno.ENOTDIR}:
            raise
        where = f"{error.filename}: " if error.filename else ""
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        remedy = "free some space" if full else "set a folder that can be written"
        raise TrainingError(
            f"{where}{error.strerror}; {remedy} (WORK_DIR, RELEASES_URI, MLFLOW_TRACKING_URI)"
        ) from error
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and "can't allocate memory" not in str(error):
            raise
        raise TrainingError("the memory is exhausted; lower BATCH_SIZE or MAX_TOKENS, or use fewer rows") from error
