"""The creation of MLflow's database before its server starts, against a real Postgres."""

import importlib.util
import time
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

import pytest
from chart.rendering import CHART
from kit.own_postgres import postgres
from kit.postgres import Postgres

__all__ = ["postgres"]

WAITING = "SELECT count(*) FROM pg_locks WHERE relation = 'pg_database'::regclass AND NOT granted"


@pytest.fixture(scope="module")
def start() -> ModuleType:
    pytest.importorskip("psycopg2", reason="the chart's start of MLflow needs psycopg2: pip install psycopg2-binary")
    spec = importlib.util.spec_from_file_location("mlflow_start", CHART / "files/mlflow/start.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_two_pods_at_once_make_one_database(start: ModuleType, postgres: Postgres) -> None:
    """Both find no database: a lock that permits reading stops them before they create it."""
    holder = start.connect(postgres.url)
    with ThreadPoolExecutor(2) as pool:
        try:
            with holder.cursor() as cursor:
                cursor.execute("LOCK TABLE pg_database IN SHARE MODE")
            pods = [pool.submit(start.make_database, postgres.url, "mlflow") for _ in range(2)]
            end = time.monotonic() + 60
            while postgres.execute(WAITING)[0][0] < 2:
                assert time.monotonic() < end, "the two pods do not reach the creation"
                time.sleep(0.05)
        finally:
            holder.close()
        for pod in pods:
            pod.result(60)
    assert len(postgres.execute("SELECT 1 FROM pg_database WHERE datname = 'mlflow'")) == 1
    start.make_database(postgres.url, "mlflow")


def test_a_user_without_the_right_gets_the_remedy(start: ModuleType, postgres: Postgres) -> None:
    postgres.execute("CREATE ROLE plain LOGIN PASSWORD 'plain'")
    url = f"postgresql://plain:plain@127.0.0.1:{postgres.port}/postgres"
    with pytest.raises(SystemExit, match=r"may not create other: create it, or name another in mlflow\.database"):
        start.make_database(url, "other")
