"""Fixture: a real Postgres for one module of tests; they are skipped where the machine has none."""

from collections.abc import Iterator

import pytest

from kit.postgres import NoPostgres, Postgres


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    try:
        with Postgres() as server:
            yield server
    except NoPostgres as error:
        pytest.skip(f"no Postgres here: {error}")
