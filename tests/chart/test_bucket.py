"""The script of the Job that makes the bucket, against an S3 server."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from chart.rendering import CHART
from kit.server_process import free_port

SCRIPT = CHART / "files/object-store/bucket.py"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """An S3 server that checks regions as Amazon's does; MinIO does not check them."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", free_port(), verbose=False)
    server.start()
    yield f"http://127.0.0.1:{server._port}"
    server.stop()


def _made(bucket: str, endpoint: str, region: str, endpoints: str | None = None) -> "subprocess.CompletedProcess[str]":
    """Run the Job's script with the environment that the chart gives it; `endpoints` is the server's own region."""
    keys = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_ENDPOINT_URL": endpoint}
    environment = os.environ | keys | {"AWS_REGION": region, "AWS_DEFAULT_REGION": endpoints or region}
    return subprocess.run(
        [sys.executable, str(SCRIPT), bucket], env=environment, capture_output=True, text=True, timeout=100
    )


def _region_of(bucket: str, endpoint: str) -> str:
    import boto3

    client = boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s"
    )
    return client.get_bucket_location(Bucket=bucket)["LocationConstraint"] or "us-east-1"


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
def test_the_bucket_is_made_in_its_region(endpoint: str, region: str) -> None:
    bucket = f"sentiment-{region}"
    first = _made(bucket, endpoint, region)
    assert first.returncode == 0 and f"created the bucket {bucket}" in first.stdout, first.stderr
    assert _region_of(bucket, endpoint) == region
    again = _made(bucket, endpoint, region)
    assert again.returncode == 0 and f"the bucket {bucket} exists" in again.stdout


def test_a_wrong_region_is_not_blamed_on_the_keys(endpoint: str) -> None:
    ended = _made("sentiment-elsewhere", endpoint, "eu-central-1", endpoints="us-west-2")
    assert ended.returncode == 1
    assert "eu-central-1" in ended.stderr and "objectStore.region" in ended.stderr
    assert "existingSecret" not in ended.stderr
