"""Processes that begin at once with an MLflow whose database does not exist yet."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from kit.new_database import new_database
from mlflow import MlflowClient

ROOT = Path(__file__).resolve().parents[2]
__all__ = ["new_database"]
PROGRAM = """
import sys
from training_job.tracking.registry import register
from training_job.tracking.run import Tracker
import mlflow
print("ready", flush=True)
sys.stdin.readline()
uri, release = sys.argv[1:]
tracker = Tracker(uri, "sentiment")
with tracker.run("first") as run:
    pass
register(uri, "sentiment", "s3://bucket/" + release, release, run.run_id)
"""


@pytest.mark.timeout(900)  # three processes that load MLflow
def test_trainings_that_begin_at_once_with_a_new_mlflow_all_succeed(new_database: str) -> None:
    releases = [letter * 16 for letter in "abc"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, new_database, release], env=environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for release in releases
    ]  # fmt: skip
    try:
        for process in processes:
            assert process.stdout and process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin
            process.stdin.write("\n")
            process.stdin.flush()
        for process in processes:
            _, errors = process.communicate()
            assert process.returncode == 0, errors[-2000:]
    finally:
        for process in processes:
            process.kill()
    client = MlflowClient(new_database, new_database)
    assert [item.name for item in client.search_experiments()].count("sentiment") == 1
    versions = client.search_model_versions("name='sentiment'")
    assert sorted(version.tags["release_id"] for version in versions) == releases
