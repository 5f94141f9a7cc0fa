"""Write a run with an artifact to MLflow, read it back, and remove it."""

import os
import tempfile
from pathlib import Path

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from probe import failed, passed

os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "4"
client = MlflowClient(os.environ["MLFLOW_TRACKING_URI"])
try:
    experiment = client.get_experiment_by_name("helm-test")
    identifier = experiment.experiment_id if experiment else client.create_experiment("helm-test")
    run = client.create_run(identifier).info.run_id
    with tempfile.TemporaryDirectory() as folder:
        note = Path(folder) / "note.txt"
        note.write_text("written by helm test", encoding="utf-8")
        client.log_artifact(run, str(note))
        read = Path(client.download_artifacts(run, "note.txt", folder)).read_text(encoding="utf-8")
    client.delete_run(run)
except (MlflowException, OSError) as error:
    failed(f"MLflow at {os.environ['MLFLOW_TRACKING_URI']}: {str(error).splitlines()[0]}")
passed(f"a run and its artifact ({len(read)} bytes) were written, read and removed")
