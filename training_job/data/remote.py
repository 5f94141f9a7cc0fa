"""Files of an object store (or of any place that fsspec knows), read whole."""

from sentiment_common.object_store import open_store
from training_job.errors import DataError


def is_remote(source: str) -> bool:
    """Whether it is an address (`s3://bucket/path`) rather than a path."""
    return "://" in source


def _unread(uri: str, error: Exception) -> DataError:
    if isinstance(error, FileNotFoundError):
        return DataError(f"{uri} does not exist; check the address")
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    remedy = "check the address, the credentials (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) and AWS_ENDPOINT_URL"
    return DataError(f"{uri} cannot be read ({type(error).__name__}: {reason[:200]}); {remedy}")


def read_bytes(uri: str) -> bytes:
    """The content of a file.

    Raises:
        DataError: it cannot be had; names the address and the remedy.
    """
    try:
        filesystem, path = open_store(uri)
        return bytes(filesystem.cat_file(path))
    except Exception as error:  # s3fs lets botocore's, aiohttp's and OSError's families through
        raise _unread(uri, error) from error


def list_files(folder: str, suffix: str) -> list[str]:
    """Addresses of a folder's files whose names end so, by name; none when there is no such folder.

    Raises:
        DataError: the place cannot be reached.
    """
    try:
        filesystem, path = open_store(folder)
        names = (str(found).rstrip("/").rsplit("/", 1)[-1] for found in filesystem.ls(path, detail=False))
        return [f"{folder}/{name}" for name in sorted(names) if name.endswith(suffix) and not name.startswith(".")]
    except FileNotFoundError:
        return []
    except Exception as error:  # as above
        raise _unread(folder, error) from error
