"""`python -m model_server.average`."""

from model_server.average.app import main
from sentiment_common.console import run

if __name__ == "__main__":
    run(main)
