"""Fixtures that every suite shares."""

import os

os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import pytest
from hypothesis import HealthCheck, settings
from kit.factories import make_release
from kit.s3_server import s3_endpoint, s3_uri, store_uri

# One S3 server for all suites: fsspec keeps the connection that a process opened first.
__all__ = ["s3_endpoint", "s3_uri", "store_uri"]

# A property holds however slow the machine is: no example is timed.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def tiny_release(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A store's URI and the id of a small, real release in it, promoted to champion."""
    from model_release import ReleaseStore

    uri = str(tmp_path_factory.mktemp("releases"))
    release_id = make_release(uri)
    ReleaseStore(uri).set_champion("sentiment", release_id, who="tests", action="promote")
    return uri, release_id
