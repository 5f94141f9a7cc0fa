"""`python -m drift_cronjob`."""

from drift_cronjob.cli import app
from model_release.console import run

if __name__ == "__main__":
    run(app)
