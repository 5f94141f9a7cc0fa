"""MLflow's registry against a real SQLite database; its absence in the ways it is absent."""

import os
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from training_job.tracking.registry import RegistryError, connect, register

ID_A, ID_B = "a" * 16, "b" * 16


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/deep/mlflow.db"


@pytest.fixture(scope="module")
def client(tracking: str) -> Any:
    return connect(tracking)


def test_a_release_becomes_a_version_with_its_alias(tracking: str, client: MlflowClient) -> None:
    run = client.create_run(client.create_experiment("releases"))
    version = register(tracking, "sentiment", "s3://bucket/sentiment/releases/" + ID_A, ID_A, run.info.run_id)
    found = client.get_model_version_by_alias("sentiment", "challenger")
    assert str(found.version) == version
    assert found.source == "s3://bucket/sentiment/releases/" + ID_A
    assert found.tags["release_id"] == ID_A
    assert found.run_id == run.info.run_id


def test_registering_again_adds_nothing_and_a_new_release_moves_the_alias(tracking: str, client: MlflowClient) -> None:
    first = register(tracking, "moving", f"s3://bucket/{ID_A}", ID_A, None)
    assert register(tracking, "moving", f"s3://bucket/{ID_A}", ID_A, None) == first
    second = register(tracking, "moving", f"s3://bucket/{ID_B}", ID_B, None)
    assert int(second) == int(first) + 1
    assert len(client.search_model_versions("name='moving'")) == 2
    assert client.get_model_version_by_alias("moving", "challenger").tags["release_id"] == ID_B
    register(tracking, "moving", f"s3://bucket/{ID_A}", ID_A, None, alias="champion")
    assert client.get_model_version_by_alias("moving", "champion").tags["release_id"] == ID_A
    assert client.get_model_version_by_alias("moving", "challenger").tags["release_id"] == ID_B


def test_a_local_release_is_registered_by_its_absolute_address(
    tracking: str, client: MlflowClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    register(tracking, "local", f"var/releases/local/releases/{ID_A}", ID_A, None)
    source = client.get_model_version_by_alias("local", "challenger").source
    assert source == (tmp_path / f"var/releases/local/releases/{ID_A}").as_uri()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_an_absent_server_is_named_with_the_remedy() -> None:
    uri = f"http://127.0.0.1:{_free_port()}"
    with pytest.raises(RegistryError, match=rf"{uri} failed .*refused.*MLFLOW_TRACKING_URI") as raised:
        register(uri, "sentiment", "s3://bucket/x", ID_A, None)
    assert raised.value.exit_code == 2


def test_an_absent_database_server_does_not_wait_for_mlflows_ten_attempts() -> None:
    with pytest.raises(RegistryError, match="refused"):
        connect(f"postgresql://someone@127.0.0.1:{_free_port()}/mlflow")


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    file = tmp_path / "mlflow.db"
    file.write_text("these are no tables, " * 100)
    with pytest.raises(RegistryError, match="not a database"):
        connect(f"sqlite:///{file}")


def test_a_folder_where_the_database_should_be(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="unable to open"):
        connect(f"sqlite:///{tmp_path}")


def test_a_database_of_something_else_is_not_taken_for_a_version(tmp_path: Path) -> None:
    file = tmp_path / "other.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("INSERT INTO alembic_version VALUES ('not-mlflows')")
    with pytest.raises(RegistryError, match=str(file)):
        register(f"sqlite:///{file}", "sentiment", "s3://bucket/x", ID_A, None)


def test_mlflow_reports_its_use_to_nobody(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom training_job.tracking.registry import connect\nconnect(sys.argv[1])\n"
        "from mlflow.environment_variables import MLFLOW_DISABLE_TELEMETRY\nprint(MLFLOW_DISABLE_TELEMETRY.get())\n"
    )
    unset = {name: value for name, value in os.environ.items() if name != "MLFLOW_DISABLE_TELEMETRY"}
    command = [sys.executable, "-c", program, f"sqlite:///{tmp_path / 'mlflow.db'}"]
    done = subprocess.run(command, env=unset, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.split()[-1] == "True"
