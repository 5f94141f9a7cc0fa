"""Errors of a store, each with the remedy for its cause."""

import errno
from typing import Any

from model_release.errors import StoreFull, StoreUnreachable
from sentiment_common.disk import causes, reports_full

READING = "reading"
# MinIO, Ceph and others; Amazon's own S3 has no such limit.
_FULL_CODES = {"XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "QuotaExceeded", "InsufficientStorage"}
_SKEWED_CODES = {"RequestTimeTooSkewed", "RequestExpired"}
_REFUSED_CODES = {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"}
_INSUFFICIENT_STORAGE = 507
_NO_RIGHT = {errno.EACCES, errno.EPERM}
_TOO_MANY_FILES = {errno.EMFILE, errno.ENFILE}


def _answers(error: BaseException) -> list[dict[str, Any]]:
    """Return the answers of S3 in the chain of errors, from botocore."""
    found = [getattr(cause, "response", None) for cause in causes(error)]
    return [answer for answer in found if isinstance(answer, dict)]


def _codes(error: BaseException) -> set[str]:
    return {str(answer.get("Error", {}).get("Code", "")) for answer in _answers(error)}


def _full(error: BaseException) -> bool:
    statuses = {answer.get("ResponseMetadata", {}).get("HTTPStatusCode") for answer in _answers(error)}
    return bool(_codes(error) & _FULL_CODES) or _INSUFFICIENT_STORAGE in statuses or reports_full(error)


def _remedy(error: BaseException, local: bool) -> str:
    numbers = {cause.errno for cause in causes(error) if isinstance(cause, OSError)}
    if numbers & _TOO_MANY_FILES:
        return "raise the limit of open files (ulimit -n)"
    if _codes(error) & _SKEWED_CODES:
        return "set this machine's clock: its time differs too much from the store's"
    if errno.EROFS in numbers:
        return "the file system is read-only: set RELEASES_URI to a folder that can be written"
    if local and numbers & _NO_RIGHT:
        return "give this account the right to write there, or set another RELEASES_URI"
    if local:
        return "check RELEASES_URI"
    if _codes(error) & _REFUSED_CODES:
        return "check the credentials, and that they may read and write there"
    return "check RELEASES_URI, the credentials and AWS_ENDPOINT_URL"


def trouble(doing: str, base: str, local: bool, error: Exception) -> StoreUnreachable:
    """Make the error that names the store, the operation, the backend's reason and the remedy.

    Args:
        local: whether the store is a folder.
    """
    reason = f"{type(error).__name__}: {error}".splitlines()[0]
    if doing == READING and reports_full(error):
        return StoreFull(
            f"{doing} {base} failed: the folder that the release is fetched to is full ({reason}); free space in "
            "CACHE_DIR, or in the temporary folder"
        )
    if _full(error):
        return StoreFull(
            f"{doing} {base} failed: the store is full ({reason}); free space there (old releases) or raise its quota"
        )
    return StoreUnreachable(f"{doing} {base} failed ({reason}); {_remedy(error, local)}")
