"""`python -m training_job`."""

from sentiment_common.console import run
from training_job.cli import app

if __name__ == "__main__":
    run(app)
