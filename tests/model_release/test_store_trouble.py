"""A store that refuses: the remedy belongs to the reason, with the real S3 client and with the system's own errors."""

import errno
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from model_release import ReleaseStore, StoreUnreachable
from model_release.errors import StoreFull
from model_release.store_trouble import READING, trouble


class _Refusing(BaseHTTPRequestHandler):
    """Answers each request with one error of S3's form."""

    protocol_version = "HTTP/1.1"
    status, code = 507, "XMinioStorageFull"

    def _refuse(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        document = f"<?xml version='1.0'?><Error><Code>{self.code}</Code><Message>refused</Message></Error>".encode()
        self.send_response(self.status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(document)))
        self.end_headers()
        self.wfile.write(document)

    do_PUT = do_GET = do_POST = do_DELETE = _refuse  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[_Refusing]]:
    """A store at s3://bucket whose answers a test sets."""
    handler = type("Refusing", (_Refusing,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name, value in (("ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}"), ("ACCESS_KEY_ID", "key"),
                        ("SECRET_ACCESS_KEY", "not-in-the-message"), ("DEFAULT_REGION", "us-east-1")):  # fmt: skip
        monkeypatch.setenv(f"AWS_{name}", value)
    yield handler
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "code", "kind", "remedy"),
    [
        (507, "XMinioStorageFull", StoreFull, "the store is full .*; free space there .* or raise its quota"),
        (403, "QuotaExceeded", StoreFull, "the store is full"),
        (400, "XMinioAdminBucketQuotaExceeded", StoreFull, "the store is full"),
        (403, "RequestTimeTooSkewed", StoreUnreachable, "set this machine's clock"),
        (403, "AccessDenied", StoreUnreachable, "check the credentials, and that they may read and write there"),
    ],
)
def test_s3s_refusal_is_named_with_its_remedy(
    refusing: type[_Refusing], status: int, code: str, kind: type[Exception], remedy: str
) -> None:
    refusing.status, refusing.code = status, code
    with pytest.raises(StoreUnreachable, match=remedy) as caught:
        ReleaseStore("s3://bucket/models").check_writable("sentiment")
    assert type(caught.value) is kind and "not-in-the-message" not in str(caught.value)


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "the store is full"),
        (errno.EDQUOT, "the store is full"),
        (errno.EACCES, "give this account the right to write there, or set another RELEASES_URI"),
        (errno.EROFS, "the file system is read-only: set RELEASES_URI to a folder that can be written"),
        (errno.EMFILE, r"raise the limit of open files \(ulimit -n\)"),
        (errno.ENOTDIR, "check RELEASES_URI"),
    ],
)
def test_a_folders_trouble_is_named_with_its_remedy(number: int, remedy: str) -> None:
    error = OSError(number, os.strerror(number), "/releases/x")
    with pytest.raises(StoreUnreachable, match=remedy) as caught:
        raise trouble("publishing to", "/releases", True, error)
    assert "credentials" not in str(caught.value)


def test_a_full_disk_of_the_reader_is_not_blamed_on_the_store() -> None:
    error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/cache/x")
    assert "free space in CACHE_DIR" in str(trouble(READING, "s3://bucket", False, error))
