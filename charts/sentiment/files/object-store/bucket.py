"""Make the bucket if there is none: `bucket.py NAME`. Waits for the store; ends with the reason when it cannot."""

import sys
import time

import s3fs

LONGEST_WAIT = 300


def make(bucket: str) -> str:
    store = s3fs.S3FileSystem(config_kwargs={"retries": {"max_attempts": 1}, "connect_timeout": 5})
    try:
        store.call_s3("head_bucket", Bucket=bucket)
        return f"the bucket {bucket} is there"
    except FileNotFoundError:
        store.call_s3("create_bucket", Bucket=bucket)
        return f"made the bucket {bucket}"


def main() -> None:
    bucket, end = sys.argv[1], time.monotonic() + LONGEST_WAIT
    while True:
        try:
            print(make(bucket))
            return
        except PermissionError as error:
            sys.exit(f"the store's keys may not use the bucket {bucket}: {error}; check objectStore.existingSecret")
        except OSError as error:
            if time.monotonic() > end:
                sys.exit(f"the object store does not answer: {error}; check objectStore.endpoint")
            print(f"waiting for the object store: {error}", flush=True)
            time.sleep(3)


main()
