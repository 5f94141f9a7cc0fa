"""`python -m training_job`."""

from model_release.console import run
from training_job.cli import app

if __name__ == "__main__":
    run(app)
