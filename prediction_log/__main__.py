"""Run the command line; a user error ends with one line and exit code 2."""

from prediction_log.cli import app
from sentiment_common.console import run

if __name__ == "__main__":
    run(app)
