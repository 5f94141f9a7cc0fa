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
# `pytest --hypothesis-profile=long` draws more examples where a test sets no number.
settings.register_profile("long", settings.get_profile("untimed"), max_examples=1000)
settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the longest files first, so that two processes end at about the same time.

    A file counts as long if one of its tests has a longer limit than the others, then by its number of tests.
    """
    weights: dict[object, tuple[float, int]] = {}
    for item in items:
        mark = item.get_closest_marker("timeout")
        limit, tests = weights.get(item.path, (0, 0))
        weights[item.path] = max(limit, mark.args[0] if mark else 0), tests + 1
    items.sort(key=lambda item: weights[item.path], reverse=True)


@pytest.fixture(scope="session")
def tiny_release(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A store's URI and the id of a small, real release in it, promoted to champion."""
    from model_release import ReleaseStore

    uri = str(tmp_path_factory.mktemp("releases"))
    release_id = make_release(uri)
    ReleaseStore(uri).set_champion("sentiment", release_id, who="tests", action="promote")
    return uri, release_id
