"""Whole files of an object store, or of any other address that fsspec opens."""

from sentiment_common.errors import first_line
from sentiment_common.object_store import open_store
from training_job.errors import DataError


def is_remote(source: str) -> bool:
    """Whether a source is an address (`s3://bucket/path`) rather than a path."""
    return "://" in source


def _unread(uri: str, error: Exception) -> DataError:
    if isinstance(error, FileNotFoundError):
        return DataError(f"{uri} does not exist; check the address")
    remedy = "check the address, the credentials (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) and AWS_ENDPOINT_URL"
    return DataError(f"{uri} cannot be read ({type(error).__name__}: {first_line(error)}); {remedy}")


def read_bytes(uri: str) -> bytes:
    """Read a file.

    Raises:
        DataError: the file cannot be read; names the address and the remedy.
    """
    try:
        filesystem, path = open_store(uri)
        return bytes(filesystem.cat_file(path))
    except Exception as error:  # s3fs raises the errors of botocore, aiohttp and the system
        raise _unread(uri, error) from error


def list_files(folder: str, suffix: str) -> list[str]:
    """List the addresses of a folder's files with this suffix, sorted by name; empty for a folder that does not exist.

    Raises:
        DataError: the store cannot be reached.
    """
    try:
        filesystem, path = open_store(folder)
        names = (str(found).rstrip("/").rsplit("/", 1)[-1] for found in filesystem.ls(path, detail=False))
        return [f"{folder}/{name}" for name in sorted(names) if name.endswith(suffix) and not name.startswith(".")]
    except FileNotFoundError:
        return []
    except Exception as error:  # as above
        raise _unread(folder, error) from error
