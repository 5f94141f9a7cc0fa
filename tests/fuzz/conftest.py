"""A server to fuzz."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from kit.server_process import ModelServer, model_server


@pytest.fixture(scope="session")
def server(tiny_release: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    from model_release import ReleaseStore

    uri, release_id = tiny_release
    serving: Path = ReleaseStore(uri).fetch("sentiment", release_id, tmp_path_factory.mktemp("fetched")) / "serving"
    with model_server(serving, tmp_path_factory.mktemp("server"), MAX_BODY_BYTES="2000000") as running:
        yield running
