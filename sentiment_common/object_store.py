"""Folders and buckets by one address, opened in one place: every request to a bucket ends within known limits."""

import shutil
import uuid
from pathlib import Path
from typing import Any, NamedTuple

import fsspec


class Patience(NamedTuple):
    """Time limits of a request to a bucket: seconds to connect, seconds without a byte, and tries.

    botocore's own limits (60 s, 60 s, 5 tries), each of them tried 5 times by s3fs, keep a program with a wrong address
    waiting for twenty minutes and more.
    """

    connect: float = 5
    read: float = 60
    tries: int = 3


_READS = 2  # s3fs resumes a body that broke off, which botocore does not


def _session() -> Any:
    """Return a session whose uploads do not wait for the server's `100 Continue`.

    aiohttp waits for it without a limit, so that a server that accepts the connection and stays silent blocks an
    upload for ever, whatever the time-outs.
    """
    from aiobotocore.session import AioSession
    from botocore.handlers import add_expect_header

    session = AioSession()
    session.unregister("before-call.s3", add_expect_header)
    return session


def open_store(uri: str, patience: Patience = Patience()) -> tuple[Any, str]:
    """Return the file system of an address and the path in it; no server is contacted yet.

    Args:
        uri: a folder, `s3://bucket/prefix`, or another address that fsspec knows.

    Raises:
        ValueError, ImportError: no file system is known for this kind of address.
    """
    if not uri.startswith("s3://"):
        return fsspec.core.url_to_fs(uri)  # type: ignore[no-any-return]
    limits = {
        "connect_timeout": patience.connect,
        "read_timeout": patience.read,
        "retries": {"total_max_attempts": patience.tries, "mode": "standard"},
    }
    # Other processes write and delete meanwhile: a cached listing would hide it.
    filesystem, path = fsspec.core.url_to_fs(
        uri, config_kwargs=limits, use_listings_cache=False, skip_instance_cache=True, session=_session()
    )
    filesystem.retries = _READS
    return filesystem, path


def put_file(filesystem: Any, path: str, content: bytes | Path) -> None:
    """Write a whole file or none, from bytes or from a local file."""
    if "file" not in filesystem.protocol:  # an object appears once it is complete
        if isinstance(content, bytes):
            filesystem.pipe_file(path, content)
        else:
            filesystem.put_file(str(content), path)
        return
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        if isinstance(content, bytes):
            part.write_bytes(content)
        else:
            shutil.copyfile(content, part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
