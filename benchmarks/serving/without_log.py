"""The model server without its prediction log, which the log's cost is measured against; flags as `model_server`'s.

No row is queued, so none is made. The server has no such setting: a prediction that is not logged cannot be watched.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from model_server.cli import app
from prediction_log import LogWriter
from sentiment_common.console import run


def _nothing(*_: object) -> None:
    return None


if not hasattr(LogWriter, "put"):
    raise SystemExit("LogWriter.put is gone: this program would measure the log against itself")
LogWriter.put = _nothing  # type: ignore[method-assign]

if __name__ == "__main__":
    run(app)
