"""Run the command line; a person's mistake ends in one line and exit code 2."""

from prediction_log.cli import app
from sentiment_common.console import run

if __name__ == "__main__":
    run(app)
