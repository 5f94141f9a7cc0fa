"""Make the bucket if there is none: `bucket.py NAME`. Waits for the store; ends with the reason when it cannot."""

import os
import sys
import time
from typing import Any

import s3fs

LONGEST_WAIT = 300
# A bucket of this region is made without naming it; any other region has to be named.
UNNAMED_REGION = "us-east-1"
# How stores say that the region is wrong; s3fs makes refused permissions of some of these.
WRONG_REGION = {
    *("IllegalLocationConstraintException", "InvalidLocationConstraint", "InvalidRegion"),
    *("AuthorizationHeaderMalformed", "PermanentRedirect"),
}


def placement(region: str) -> dict[str, Any]:
    """What `create_bucket` is told of the region."""
    return {} if region == UNNAMED_REGION else {"CreateBucketConfiguration": {"LocationConstraint": region}}


def code_of(error: BaseException) -> str:
    """The store's own code of an error, which s3fs keeps as the cause."""
    answer = getattr(error.__cause__ or error, "response", {})
    return str(answer.get("Error", {}).get("Code", ""))


def make(bucket: str, region: str) -> str:
    store = s3fs.S3FileSystem(config_kwargs={"retries": {"max_attempts": 1}, "connect_timeout": 5})
    try:
        store.call_s3("head_bucket", Bucket=bucket)
        return f"the bucket {bucket} is there"
    except FileNotFoundError:
        store.call_s3("create_bucket", Bucket=bucket, **placement(region))
        return f"made the bucket {bucket} in {region}"


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
