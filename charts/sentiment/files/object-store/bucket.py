"""Create a missing bucket: `bucket.py NAME`. Waits for the store, and exits with the reason of a failure."""

import os
import sys
import time
from typing import Any

import s3fs

LONGEST_WAIT = 300
# `create_bucket` accepts every region's name except this default.
UNNAMED_REGION = "us-east-1"
# Error codes of a wrong region; s3fs turns some of them into PermissionError.
WRONG_REGION = {
    *("IllegalLocationConstraintException", "InvalidLocationConstraint", "InvalidRegion"),
    *("AuthorizationHeaderMalformed", "PermanentRedirect"),
}


def placement(region: str) -> dict[str, Any]:
    """Return the region's arguments of `create_bucket`."""
    return {} if region == UNNAMED_REGION else {"CreateBucketConfiguration": {"LocationConstraint": region}}


def code_of(error: BaseException) -> str:
    """Return the store's error code, which s3fs keeps in the cause."""
    answer = getattr(error.__cause__ or error, "response", {})
    return str(answer.get("Error", {}).get("Code", ""))


def make(bucket: str, region: str) -> str:
    store = s3fs.S3FileSystem(config_kwargs={"retries": {"max_attempts": 1}, "connect_timeout": 5})
    try:
        store.call_s3("head_bucket", Bucket=bucket)
        return f"the bucket {bucket} exists"
    except FileNotFoundError:
        store.call_s3("create_bucket", Bucket=bucket, **placement(region))
        return f"created the bucket {bucket} in {region}"


def main() -> None:
    bucket, end = sys.argv[1], time.monotonic() + LONGEST_WAIT
    region = os.environ.get("AWS_REGION", UNNAMED_REGION)
    while True:
        try:
            print(make(bucket, region))
            return
        except OSError as error:
            if code_of(error) in WRONG_REGION:
                sys.exit(f"the store has no bucket {bucket} in {region}: {error}; set objectStore.region to its region")
            if isinstance(error, PermissionError):
                sys.exit(f"the keys may not use the bucket {bucket}: {error}; check objectStore.existingSecret")
            if time.monotonic() > end:
                sys.exit(f"the object store does not answer: {error}; check objectStore.endpoint")
            print(f"waiting for the object store: {error}", flush=True)
            time.sleep(3)


main()
