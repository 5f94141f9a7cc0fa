"""`python -m drift_cronjob`."""

from drift_cronjob.cli import app
from sentiment_common.console import run

if __name__ == "__main__":
    run(app)
