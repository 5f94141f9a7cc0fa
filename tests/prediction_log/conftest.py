"""The same tests against SQLite and a real Postgres, each test with its own database."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kit.postgres import OwnServer, Postgres, Server

from prediction_log import LogWriter, upgrade


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The server of TEST_POSTGRES_URL, or a temporary one."""
    if own := os.environ.get("TEST_POSTGRES_URL"):
        yield OwnServer(own)
        return
    with Postgres() as postgres:
        yield postgres


@pytest.fixture(scope="session")
def template(server: Server) -> str:
    """A migrated database, from which the tests' own are copied."""
    url = server.new_database()
    upgrade(url)
    return url


@pytest.fixture
def postgres_url(server: Server, template: str) -> str:
    return server.new_database(template=template)


@pytest.fixture
def stoppable(server: Server) -> Iterator[Postgres]:
    """The server for a test that stops or freezes it; it runs again afterwards."""
    if not isinstance(server, Postgres):
        pytest.skip("TEST_POSTGRES_URL's server is not ours to stop")
    yield server
    server.resume()
    if not server.running():
        server.start()


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/log/predictions.db"
    return str(request.getfixturevalue("server").new_database())


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with the log's tables."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/log/predictions.db"
        upgrade(url)
        return url
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def make_writer(tmp_path: Path) -> Iterator[Callable[..., LogWriter]]:
    """Writers with short times, closed after the test."""
    writers: list[LogWriter] = []

    def make(url: str, spill: Path | None = None, **changes: Any) -> LogWriter:
        writer = LogWriter(url, spill or tmp_path / "spill", **{"flush_seconds": 0.02, **changes})
        writers.append(writer)
        return writer

    yield make
    for writer in writers:
        writer.close(5.0)
