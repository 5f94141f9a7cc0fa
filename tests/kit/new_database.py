"""Fixture: an empty database of each kind that several programs may share."""

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.postgres import OwnServer, Postgres


@pytest.fixture(params=["sqlite", "postgres"])
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return its URL, for SQLAlchemy's usual drivers."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/deep/new.db"
    elif importlib.util.find_spec("psycopg") is None:
        pytest.skip("Postgres without a server in front needs psycopg, which is not installed")
    elif own := os.environ.get("TEST_POSTGRES_URL"):
        yield OwnServer(own).new_database()
    else:
        with Postgres() as server:
            yield server.new_database()
